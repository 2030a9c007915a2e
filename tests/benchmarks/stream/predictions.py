"""From the send of a departure to its prediction's frame in a client.

The shipped domain with its released champion; departures and arrivals as they were.
"""

import asyncio
import json
import random
import shutil
import time
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.queues import Queue
from pathlib import Path
from urllib.error import URLError

from analytics_platform.adapters.brokers import Broker
from analytics_platform.adapters.control_store.migrations import migrate
from analytics_platform.adapters.replay_events import EventReplay, SentEvent
from analytics_platform.adapters.topic import OutgoingRecord, TopicWriter
from analytics_platform.contracts.declaration import ColumnType
from analytics_platform.domains.flights import DOMAIN
from analytics_platform.settings import Settings
from tests.benchmarks.stream.feeds import LINGER_MS
from tests.benchmarks.stream.jobs import (
    SPAWN,
    cpu_seconds,
    load,
    scraped,
    settings_of,
    sidecar,
)
from tests.benchmarks.stream.listening import Client, Heard, Measured, told
from tests.support.commands import Commands

STREAM, PREDICTION = DOMAIN.streams[0], DOMAIN.live_predictions[0]
_FIRST, _LAST = "2013-01", "2013-10"  # what the model learns
_FROM, _UNTIL = datetime(2013, 11, 1, tzinfo=UTC), datetime(2013, 12, 31, tzinfo=UTC)
_READY_SECONDS, _WARM_SECONDS = 120.0, 2.0
_INSTANTS = {one.name for one in STREAM.fields if one.type is ColumnType.TIMESTAMP}
SPEED = 600  # what `analytics replay` is shown with
_SHUFFLED = 64  # events, some hour of them
_KEPT = ("control.sqlite", "artifacts")


def trained_home(folder: Path) -> Path:
    """A home in which ten months are built, and the models released."""
    home = folder / "trained"
    ended = Commands(home, {}).run("materialize", "--from", _FIRST, "--to", _LAST)
    assert ended.code == 0, ended.end
    return home


def sent_events() -> list[SentEvent]:
    """The events of two months that the model has not seen."""
    return list(EventReplay(DOMAIN, STREAM).events(_FROM, _UNTIL))


def crowded(
    events: Sequence[SentEvent], rate: int, speed: float, seconds: int
) -> list[SentEvent]:
    """Events for so many seconds at a rate, while their own time goes `speed` times.

    Three airports have too few for that: each flight flies several times, some hours
    earlier or later, with the same delays of flights and messages. Nights are as busy
    as days.
    """
    begin, span = events[0].sent_at_ms, events[-1].sent_at_ms - events[0].sent_at_ms
    copies = max(round(rate * span / (1000 * speed * len(events))), 1)
    made: list[SentEvent] = []
    shuffled = random.Random(7)  # noqa: S311
    for first in range(0, len(events), _SHUFFLED):
        some = [
            (event, copy)
            for event in events[first : first + _SHUFFLED]
            for copy in range(copies)
        ]
        shuffled.shuffle(some)
        for event, copy in some:
            if len(made) == rate * seconds:
                return made
            sent_ms = begin + round(len(made) / rate * speed * 1000)
            made.append(_moved(event, copy, sent_ms))
    return made


def _moved(event: SentEvent, copy: int, sent_at_ms: int) -> SentEvent:
    moved, read = sent_at_ms - event.sent_at_ms, json.loads(event.value)
    read[STREAM.id_field] += f"/{copy}"
    for name in _INSTANTS & set(read):
        read[name] += moved
    return SentEvent(
        sent_at_ms=sent_at_ms,
        happened_at_ms=event.happened_at_ms + moved,
        keys=event.keys,
        value=json.dumps(read, separators=(",", ":")).encode(),
    )


@dataclass(frozen=True)
class Feed:
    """Events at an even rate, one after the other."""

    broker: Broker
    rate: int
    events: Sequence[SentEvent]

    def send(self) -> dict[str, float]:
        """When each departure was handed over, by its id (seconds since 1970)."""
        writer, handed = TopicWriter(self.broker, linger_ms=LINGER_MS), {}
        read = [json.loads(event.value) for event in self.events]
        names = [
            one[STREAM.id_field] if one[STREAM.kind_field] == PREDICTION.kind else None
            for one in read
        ]
        started = time.monotonic()
        for number, (event, name) in enumerate(zip(self.events, names, strict=True)):
            while (early := number / self.rate - time.monotonic() + started) > 0:
                time.sleep(early)
            if name is not None:
                handed[name] = time.time()
            for topic, key in zip(STREAM.topics, event.keys, strict=True):
                writer.send(topic.name, OutgoingRecord(event.value, key))
        writer.flush()
        writer.close()
        return handed


def measure_predictions(home: Path, feed: Feed, *, trained: Path, title: str) -> None:
    """Print the latencies at a rate.

    Raises:
        AssertionError: a departure has no prediction in the client.
    """
    home.mkdir()
    for name in _KEPT:
        copy = shutil.copytree if (trained / name).is_dir() else shutil.copy2
        copy(trained / name, home / name)
    settings = settings_of(feed.broker, home, f"predictions-{home.name}")
    migrate(settings.stream_state_url)
    seconds = len(feed.events) / feed.rate
    with sidecar(settings, DOMAIN) as process:
        _wait_until_ready(settings)
        before, looked = cpu_seconds(process.pid), scraped(settings)
        heard, handed = asyncio.run(_hear(settings, feed))
        cores = (cpu_seconds(process.pid) - before) / seconds
        measured = Measured(looked, scraped(settings))
    found = {data["event_id"]: at for data, at in heard.messages}
    assert set(found) == set(handed), (len(found), len(handed))
    assert not heard.others, heard.said
    slow = _latencies(found, handed)
    model = f'model="{PREDICTION.model}"'
    quick = measured.share_within("prediction_seconds", model, "0.005")
    print(
        f"{feed.rate:,} events/s for {seconds:.0f} s, {len(handed) / seconds:,.0f} "
        f"departures/s, {title}: {told(slow)}; {len(slow):,} predictions, "
        f"missed {heard.said}; "
        f"{quick:.2%} of the model's calls within 5 ms; {measured.pauses()}; "
        f"{measured.commits()}; sidecar {cores:.2f} cores; {load()}",
        flush=True,
    )


async def _hear(settings: Settings, feed: Feed) -> tuple[Heard, dict[str, float]]:
    client = await Client.open(settings, f"predictions.{PREDICTION.name}")
    result: Queue[dict[str, float]] = SPAWN.Queue()
    sender = SPAWN.Process(target=_send, args=(feed, result), daemon=True)
    sender.start()
    done = asyncio.create_task(asyncio.to_thread(result.get))
    heard = await client.listen(done.done)
    handed = await done
    sender.join()
    return heard, handed


def _send(feed: Feed, result: "Queue[dict[str, float]]") -> None:
    result.put(feed.send())


def _latencies(found: Mapping[str, float], handed: Mapping[str, float]) -> list[float]:
    begin = min(handed.values()) + _WARM_SECONDS
    return [found[name] - at for name, at in handed.items() if at >= begin]


def _wait_until_ready(settings: Settings) -> None:
    address = f"http://127.0.0.1:{settings.ports.sidecar}/health/ready"
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        with suppress(URLError, ConnectionError):  # 503 is one
            urllib.request.urlopen(address, timeout=5).close()
            return
        time.sleep(0.2)
    raise TimeoutError("the sidecar did not get ready")
