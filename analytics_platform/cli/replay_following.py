"""`analytics replay --follow`: events at the pace of the platform's clock."""

import signal
import threading
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from analytics_platform.errors import InvalidUsage

if TYPE_CHECKING:
    from analytics_platform.adapters.brokers import Broker
    from analytics_platform.contracts.domain import Domain
    from analytics_platform.contracts.streams import EventStream
    from analytics_platform.core.pacing import Position
    from analytics_platform.settings import Settings

# Reading may be late, when the sidecar starts: far below what the embedded one keeps.
_EMBEDDED_PER_SECOND = 1_000.0


def follow(settings: "Settings", domain: "Domain", stream: "EventStream") -> None:
    """Send a stream's events when the clock passes them, to the domain's end.

    Raises:
        InvalidUsage: the platform's clock shows no replay.
    """
    from analytics_platform.adapters.brokers import await_broker
    from analytics_platform.adapters.clock_state import read_state

    if settings.clock == "wall" or read_state(settings.home) is None:
        raise InvalidUsage(
            f"There is no replay in {settings.home} to follow.",
            hint="`analytics up` starts one; or give the days with --from.",
        )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    _follow(settings, domain, stream, await_broker(settings), stop)


def _follow(
    settings: "Settings",
    domain: "Domain",
    stream: "EventStream",
    broker: "Broker",
    stop: threading.Event,
) -> None:
    from analytics_platform.adapters.clock_state import open_clock
    from analytics_platform.adapters.replay_events import EventReplay
    from analytics_platform.adapters.replay_following import Follower, last_sent
    from analytics_platform.adapters.replay_position import PositionFile
    from analytics_platform.adapters.replay_sending import Sender
    from analytics_platform.adapters.topic import TopicWriter, ensure_topics
    from analytics_platform.core.pacing import Allowance, Position

    clock, kept = open_clock(settings), PositionFile.of(settings.home, stream)
    begin = kept.read() or Position(int(clock.now().timestamp() * 1000))
    for topic in stream.topics:
        count = topic.partitions or settings.streaming.partitions
        ensure_topics(broker, [topic.name], count)
    follower = Follower(
        Sender(stream, TopicWriter(broker)),
        clock,
        kept.keep,
        stop,
        Allowance(_EMBEDDED_PER_SECOND) if broker.embedded else None,
    )
    print(
        f"Following the clock from {_shown(begin)} at {broker.bootstrap}.", flush=True
    )
    end = datetime.combine(domain.partitions.end, time(), ZoneInfo(domain.timezone))
    start = datetime.fromtimestamp(begin.sent_at_ms / 1000, UTC)
    events = EventReplay(domain, stream).sent_since(start, end)
    reached = follower.follow(events, begin, last_sent(broker, stream))
    why = "Stopped" if stop.is_set() else "The domain's events end"
    print(f"{why} at {_shown(reached)}.", flush=True)


def _shown(position: "Position") -> str:
    return (
        f"{datetime.fromtimestamp(position.sent_at_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    )
