"""`analytics replay`: past days as events, in the order and at the times they came."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from analytics_platform.cli.environment import migrated_control_store, prepare
from analytics_platform.cli.replay_following import follow
from analytics_platform.errors import InvalidUsage

if TYPE_CHECKING:
    from analytics_platform.adapters.brokers import Broker
    from analytics_platform.adapters.replay_events import SentEvent
    from analytics_platform.contracts.domain import Domain
    from analytics_platform.contracts.streams import EventStream
    from analytics_platform.core.pacing import Pace
    from analytics_platform.settings import Settings

# An embedded broker drops what is read too late: stay far below what it can hold.
_EMBEDDED_PER_SECOND = 5_000.0


@dataclass(frozen=True)
class _Period:
    """Days to replay, [first, until), and what is to be said of them."""

    first: date
    until: date
    warning: str = ""


def replay(  # noqa: PLR0913 - the command's options
    *,
    first: Annotated[
        str, typer.Option("--from", help="First day, such as 2013-11-01.")
    ] = "",
    days: Annotated[int, typer.Option(min=1, help="How many days.")] = 7,
    speed: Annotated[
        float | None, typer.Option(help="Times as fast as it happened.")
    ] = None,
    rate: Annotated[
        str, typer.Option(help="Events a second instead of a speed, or max.")
    ] = "",
    stream: Annotated[str, typer.Option(help="A stream of the domain.")] = "",
    following: Annotated[
        bool,
        typer.Option(
            "--follow",
            help="Send what the platform's clock passes, from where the last such "
            "replay was, to the domain's end. Takes no days, speed or rate.",
        ),
    ] = False,
) -> None:
    """Send past days to the stream's topics, by default days the model has not seen."""
    settings = prepare()
    from analytics_platform.domains.loader import load_domain

    domain = load_domain(settings.domain)
    chosen = _stream(domain, stream)
    if following:
        if first or rate or speed is not None:
            raise InvalidUsage(
                "A replay that follows the clock has no days, speed or rate.",
                hint="Change the clock: `analytics clock resume --speed 3600`.",
            )
        follow(settings, domain, chosen)
        return
    _replay_period(settings, domain, chosen, _Asked(_day(first), days, speed, rate))


@dataclass(frozen=True)
class _Asked:
    """What to replay, and how fast."""

    first: date | None
    days: int
    speed: float | None
    rate: str


def _replay_period(
    settings: "Settings", domain: "Domain", chosen: "EventStream", asked: _Asked
) -> None:
    from analytics_platform.adapters.brokers import running_broker
    from analytics_platform.adapters.replay_events import EventReplay

    period = _period(settings, domain, asked.first, asked.days)
    if period.warning:
        print(f"warning: {period.warning}")
    zone = ZoneInfo(domain.timezone)
    bounds = [
        datetime.combine(day, time(), zone) for day in (period.first, period.until)
    ]
    events = list(EventReplay(domain, chosen).events(bounds[0], bounds[1]))
    if not events:
        raise InvalidUsage(
            f"Nothing happened from {period.first} to {period.until}.",
            hint=f"There is data from {domain.partitions.start} on, up to "
            f"{domain.partitions.end}.",
        )
    print(f"{len(events):,} events from {period.first} to {period.until} (exclusive).")
    with running_broker(settings) as broker:
        pace = _pace(domain, events[0].sent_at_ms, asked.speed, asked.rate)
        _send(settings, chosen, broker, events, pace)


def _send(
    settings: "Settings",
    stream: "EventStream",
    broker: "Broker",
    events: "list[SentEvent]",
    pace: "Pace",
) -> None:
    from analytics_platform.adapters.replay_sending import Sender
    from analytics_platform.adapters.topic import TopicWriter, ensure_topics
    from analytics_platform.cli.replay_display import ReplayDisplay
    from analytics_platform.cli.terminal import open_console
    from analytics_platform.core.pacing import AtMost

    if broker.embedded:
        pace = AtMost(pace, _EMBEDDED_PER_SECOND)
        print(
            f"The embedded broker keeps little: at most {_EMBEDDED_PER_SECOND:,.0f} "
            f"events/s. `{broker.advice}` gets one without that limit."
        )
    names = [topic.name for topic in stream.topics]
    for topic in stream.topics:
        count = topic.partitions or settings.streaming.partitions
        ensure_topics(broker, [topic.name], count)
    writer = TopicWriter(broker)
    with ReplayDisplay(open_console(), len(events)) as display:
        sent = Sender(stream, writer).send(events, pace, display.show)
    print(f"{sent:,} events sent to each of {', '.join(names)} at {broker.bootstrap}.")


def _pace(domain: "Domain", first_ms: int, speed: float | None, rate: str) -> "Pace":
    from analytics_platform.core.pacing import AsInLife, AtOnce, Steady

    if rate and speed is not None:
        raise InvalidUsage("A replay has a speed or a rate.", hint="Give one of them.")
    if rate == "max":
        return AtOnce()
    if rate:
        return Steady(_positive("--rate", rate))
    chosen = domain.replay.speed if speed is None else speed
    return AsInLife(first_ms, _positive("--speed", str(chosen)))


def _positive(option: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise InvalidUsage(
            f"{option} is {text!r}.", hint="Give a positive number, or --rate max."
        )
    return number


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise InvalidUsage(
            f"--from is {text!r}, which is no day.", hint="Write it as 2013-11-01."
        ) from error


def _stream(domain: "Domain", name: str) -> "EventStream":
    names = [one.name for one in domain.streams]
    for one in domain.streams:
        if name in ("", one.name):
            return one
    raise InvalidUsage(
        f"The domain {domain.name!r} has no stream {name!r}.",
        hint=f"It has {', '.join(names) or 'none'}.",
    )


def _period(
    settings: "Settings", domain: "Domain", first: date | None, days: int
) -> _Period:
    """The days asked for, or those after the champion's training."""
    seen = _seen_until(settings, domain)
    end = domain.partitions.end
    length = timedelta(days=days)
    if first is None:
        start = max(seen, domain.partitions.start) if seen else domain.replay.start
        if start < end:
            return _Period(start, min(start + length, end))
        first = end - length
    warning = ""
    if seen and first < seen:
        warning = (
            f"the released model was trained on days up to {seen - timedelta(days=1)}: "
            "its predictions of days before that look better than they are."
        )
    return _Period(first, first + length, warning)


def _seen_until(settings: "Settings", domain: "Domain") -> date | None:
    """The first local day that no released model of the domain was trained on."""
    from analytics_platform.adapters.artifacts import ArtifactStore
    from analytics_platform.adapters.control_store.facade import ControlStore
    from analytics_platform.adapters.model_registry import ModelRegistry

    migrated_control_store(settings)
    store = ControlStore.open(settings.control_store_url)
    cache = settings.home / "cache" / "artifacts"
    registry = ModelRegistry(
        settings, ArtifactStore(settings.artifacts_url, cache=cache), store
    )
    instants = [
        registry.manifest(one.model, release.version).trained_through
        for one in domain.live_predictions
        if (release := registry.champion(one.model))
    ]
    if not instants:
        return None
    latest = max(instants)
    aware = latest if latest.tzinfo else latest.replace(tzinfo=UTC)
    # What was known at local midnight was of the days before.
    local = aware.astimezone(ZoneInfo(domain.timezone))
    midnight = datetime.combine(local.date(), time(), local.tzinfo)
    return local.date() if local == midnight else local.date() + timedelta(days=1)
