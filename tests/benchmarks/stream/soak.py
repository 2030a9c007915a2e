"""Lets the sidecar work for long: `make soak MINUTES=60`.

At 10,000 events a second into windows of each kind, one client reading one of them.
Prints memory and lag each minute, and at the end how flat memory was; ends with 1 if a
window or an event is missing.
"""

import argparse
import asyncio
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.queues import Queue
from pathlib import Path

import numpy as np
import psutil
from websockets.exceptions import ConnectionClosed

from analytics_platform.adapters.brokers import Broker
from analytics_platform.adapters.kafka_broker import KafkaBroker
from analytics_platform.adapters.live_results import LiveResultReader, Span
from analytics_platform.adapters.topic import Topics
from analytics_platform.contracts.domain import Domain
from analytics_platform.contracts.streams import EventTopic
from analytics_platform.settings import Settings
from tests.benchmarks.stream.feeds import Pace, Sent, ends_of
from tests.benchmarks.stream.jobs import (
    SPAWN,
    Committed,
    load,
    scraped,
    settings_of,
    sidecar,
)
from tests.benchmarks.stream.listening import Client
from tests.domains import readings as domain
from tests.support.kafka_server import running_kafka
from tests.support.stream_homes import make_stream_home

RATE, KEYS, LATE_EVERY = 10_000, 1_000, 100
WINDOWS_PER_EVENT = {
    "by_second": 1,
    "hopping": domain.HOP_MS // domain.SLIDE_MS,
    "visits": 1,
}
_SAMPLE_SECONDS, _SPAN_MS = 5.0, 120_000
_RESULTS_MEGABYTES = 16_384  # of a partition: the sums need every result


@dataclass(frozen=True)
class Sample:
    """Memory and lag at a moment."""

    seconds: float
    megabytes: float
    lag: float


@dataclass
class Soaked:
    """What was seen. `counted` are, by window, windows, events in them, late events."""

    samples: list[Sample] = field(default_factory=list)
    frames: int = 0
    sent: int = 0
    counted: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    starts: dict[str, int] = field(default_factory=dict)

    @property
    def thirds(self) -> tuple[list[float], list[float], list[float]]:
        """Megabytes in the first, second and last third of the time."""
        found = [one.megabytes for one in self.samples]
        a, b = len(found) // 3, 2 * len(found) // 3
        return found[:a], found[a:b], found[b:]

    @property
    def worst_lag(self) -> float:
        """The most records that ever waited."""
        return max(one.lag for one in self.samples)

    def missing(self) -> dict[str, int]:
        """Events in no window that should be, and in no count of late ones."""
        return {
            name: self.sent * WINDOWS_PER_EVENT[name] - events - late
            for name, (_, events, late) in self.counted.items()
        }

    def flatness(self) -> str:
        """Slope and spread of memory after the first third, the time to warm up."""
        rest = self.samples[len(self.samples) // 3 :]
        hours = np.array([one.seconds for one in rest]) / 3600
        sizes = np.array([one.megabytes for one in rest])
        slope = float(np.polyfit(hours, sizes, 1)[0])
        return (
            f"{sizes.mean():.1f} MB on average after warm-up, {slope:+.1f} MB/h by "
            f"least squares, {np.ptp(sizes):.1f} MB between least and most"
        )


def soak(kafka: KafkaBroker, home: Path, minutes: float, *, say: bool = True) -> Soaked:
    """Run it for so many minutes."""
    broker, topic = Broker.configured(kafka.bootstrap), f"soak-{secrets.token_hex(4)}"
    Topics(broker).create(topic, domain.PARTITIONS)
    settings, since_ms = _settings(broker, home, topic), int(time.time() * 1000)
    pace = Pace(RATE, minutes * 60, keys=KEYS, late_every=LATE_EVERY)
    with sidecar(settings, _domain(topic)) as process:
        committed = Committed(settings)
        committed.wait_for_start()
        watch = _Watch(settings, psutil.Process(process.pid), say=say)
        sent = asyncio.run(watch.run(pace, broker, topic))
        committed.wait_for(ends_of(broker, topic, at_once=False))
    found = watch.found
    found.sent = sent.events
    for name in WINDOWS_PER_EVENT:
        found.counted[name], found.starts[name] = _counted(settings, name, since_ms)
    return found


class _Watch:
    """Samples memory and lag while events come and a client reads."""

    def __init__(
        self, settings: Settings, process: psutil.Process, *, say: bool
    ) -> None:
        self.found = Soaked()
        self._settings, self._process, self._say = settings, process, say

    async def run(self, pace: Pace, broker: Broker, topic: str) -> Sent:
        """Until everything was sent."""
        client = await Client.open(self._settings, "windows.by_second")
        result: Queue[Sent] = SPAWN.Queue()
        sender = SPAWN.Process(
            target=_send, args=(pace, broker, topic, result), daemon=True
        )
        sender.start()
        reading = asyncio.create_task(self._read(client))
        sampling = asyncio.create_task(self._sample())
        sent = await asyncio.to_thread(result.get)
        sampling.cancel()
        await client.connection.close()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(reading, sampling)
        return sent

    async def _read(self, client: Client) -> None:
        with suppress(ConnectionClosed):
            while True:
                await client.connection.recv()
                self.found.frames += 1

    async def _sample(self) -> None:
        begun = time.monotonic()
        while True:
            await asyncio.sleep(_SAMPLE_SECONDS)
            try:
                metrics = await asyncio.to_thread(scraped, self._settings)
            except OSError:  # no answer in time: the machine is busy
                continue
            lag = sum(v for n, v in metrics.items() if n.startswith("consumer_lag"))
            size = self._process.memory_info().rss / 1e6
            seconds = time.monotonic() - begun
            self.found.samples.append(Sample(seconds, size, lag))
            if self._say and int(seconds) % 60 < _SAMPLE_SECONDS:
                minute = f"{seconds / 60:6.1f} min"
                print(f"{minute} {size:8.1f} MB, lag {lag:,.0f}, {load()}", flush=True)


def _send(pace: Pace, broker: Broker, topic: str, result: "Queue[Sent]") -> None:
    result.put(pace.send(broker, topic))


def _settings(broker: Broker, home: Path, topic: str) -> Settings:
    settings = settings_of(broker, home, topic)
    more = {"results_megabytes": _RESULTS_MEGABYTES}
    streaming = settings.streaming.model_copy(update=more)
    return settings.model_copy(update={"streaming": streaming})


def _domain(topic: str) -> Domain:
    stream = domain.STREAM.model_copy(
        update={"topics": (EventTopic(name=topic, key="sensor"),)}
    )
    return domain.DOMAIN.model_copy(update={"streams": (stream,)})


def _counted(
    settings: Settings, window: str, since_ms: int
) -> tuple[tuple[int, int, int], int]:
    """Windows, the events in them and late ones; and at how many moments they start."""
    reader = LiveResultReader.open(settings.stream_state_url)
    source, windows, events, late, starts = reader.source(window), 0, 0, 0, 0
    for span in _spans(since_ms):
        rows = reader.results(source, span)
        if len(rows):
            windows, starts = (
                windows + len(rows),
                starts + len(np.unique(rows.start_ms)),
            )
            events += int(rows.values[domain.METRICS[0]].values.sum())
        late += int(reader.late(source, span).events.sum())
    reader.close()
    return (windows, events, late), starts


def _spans(since_ms: int) -> Iterator[Span]:
    """All time since then, in parts: not all results are in memory at once."""
    now_ms = int(time.time() * 1000)
    for start in range(since_ms - _SPAN_MS, now_ms + _SPAN_MS, _SPAN_MS):
        yield Span(start, start + _SPAN_MS)


def _report(found: Soaked, minutes: float) -> Sequence[str]:
    windows = [
        f"{name}: {found.counted[name][0]:,} windows at {found.starts[name]:,} starts, "
        f"{found.counted[name][1]:,} events in them, {found.counted[name][2]:,} late, "
        f"{missing:,} missing"
        for name, missing in found.missing().items()
    ]
    return [
        f"{minutes:g} min, {found.sent:,} events, {found.frames:,} frames to a client",
        found.flatness(),
        f"at most {found.worst_lag:,.0f} records waited",
        *windows,
    ]


def main() -> None:
    """Run it and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory() as folder, running_kafka() as kafka:
        home = Path(folder) / "home"
        make_stream_home(home, domain.semantic_manifest())
        found = soak(kafka, home, minutes)
    print("\n".join(_report(found, minutes)))
    sys.exit(1 if any(found.missing().values()) else 0)


if __name__ == "__main__":
    main()
