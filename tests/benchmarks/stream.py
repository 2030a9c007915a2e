"""Times the sidecar on a real broker, from poll to closed windows: `make bench-stream`.

The topic is filled first, the sidecar's start is not counted. Then the same sidecar,
at some rates: from the send of an event that closes a window to the frame in a client.
Prints figures and asserts only that windows and late events add up to what was sent.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random

import psutil
from websockets.asyncio.client import ClientConnection, connect

from analytics_platform.adapters.brokers import Broker
from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.live_results import LiveResultReader, Span
from analytics_platform.adapters.topic import OutgoingRecord, Topics, TopicWriter
from analytics_platform.contracts.domain import Domain
from analytics_platform.contracts.streams import EventTopic, WindowSpec
from analytics_platform.core.access import KeyRequest, Role, issue_key
from analytics_platform.observability import configure_logging
from analytics_platform.settings import PortSettings, Settings, StreamingSettings
from streaming.sidecar import run_sidecar
from tests.domains import readings as domain
from tests.support.kafka_server import running_kafka
from tests.support.live_sidecar import copied_home, free_port
from tests.support.stream_homes import make_stream_home

START_MS = 1_700_000_000_000
_LAST_MS = START_MS + 10**9  # closes every window before it
EVENTS_PER_MS = 100  # of event time
_WARM_SECONDS = 2.0
_SPAWN = multiprocessing.get_context("spawn")
_EVER = Span(-(2**62), 2**62)
_SECOND = timedelta(seconds=1)
_WINDOWS = {
    "tumbling": WindowSpec(type="tumbling", size=_SECOND),
    "minute": WindowSpec(type="tumbling", size=60 * _SECOND),
    "hopping": WindowSpec(type="hopping", size=10 * _SECOND, slide=_SECOND),
    "session": WindowSpec(type="session", gap=timedelta(milliseconds=100)),
}


@dataclass(frozen=True)
class Job:
    """What one line measures."""

    window: str
    quantiles: bool
    keys: int

    @property
    def title(self) -> str:
        """What the line is called."""
        more = " + p50, p95, p99" if self.quantiles else ""
        return f"{self.window}{more}, {self.keys:,} keys"

    def domain(self, topic: str) -> Domain:
        """A domain with this one live window."""
        metrics = domain.METRICS + (domain.QUANTILES if self.quantiles else ())
        window = domain.live_window("measured", _WINDOWS[self.window], metrics=metrics)
        stream = domain.STREAM.model_copy(
            update={"topics": (EventTopic(name=topic, key="sensor"),)}
        )
        return domain.DOMAIN.model_copy(
            update={"streams": (stream,), "live_windows": (window,)}
        )


def main() -> None:
    """Run it and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=20, help="at each rate")
    parser.add_argument("--rates", type=int, nargs="*", default=[1_000, 10_000])
    parser.add_argument("--jobs", type=int, default=8, help="the first so many lines")
    given = parser.parse_args()
    jobs = [
        *(
            Job(name, quantiles, 1_000)
            for name in _WINDOWS
            if name != "minute"
            for quantiles in (False, True)
        ),
        Job("minute", quantiles=False, keys=1_000),
        Job("minute", quantiles=False, keys=100_000),
    ]
    with tempfile.TemporaryDirectory() as folder, running_kafka() as kafka:
        made = Path(folder) / "made"
        make_stream_home(made, domain.semantic_manifest())
        broker = Broker.configured(kafka.bootstrap)
        for number, job in enumerate(jobs[: given.jobs]):
            home = copied_home(made, Path(folder) / f"throughput-{number}")
            _measure_throughput(broker, home, job, given.events)
        for rate in given.rates:
            home = copied_home(made, Path(folder) / f"latency-{rate}")
            asyncio.run(_measure_latency(broker, home, rate, given.seconds))


def _measure_throughput(broker: Broker, home: Path, job: Job, events: int) -> None:
    topic = f"bench-{secrets.token_hex(4)}"
    Topics(broker).create(topic, domain.PARTITIONS)
    settings = _settings(broker, home, topic)
    with _sidecar(settings, job, topic) as process:
        _await_committed(settings, 0)  # it has started, and has nothing to do
        psutil.Process(process.pid).suspend()
        _fill(broker, topic, job.keys, events)
        before, started = _cpu(process), time.monotonic()
        psutil.Process(process.pid).resume()
        _await_committed(settings, events + domain.PARTITIONS)
        wall, cpu = time.monotonic() - started, _cpu(process) - before
    windows, counted, late = _counted(settings)
    if job.window != "hopping":  # there, each event is in ten windows
        assert counted + late == events, (counted, late, events)
    print(
        f"{job.title:<40} {events / cpu:10,.0f} events/CPU-s "
        f"{events / wall:10,.0f} events/s   {windows:,} windows, {late:,} late, "
        f"load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


def _fill(broker: Broker, topic: str, keys: int, events: int) -> None:
    """Readings in the order of their time; the last ones close every window."""
    writer, chance = TopicWriter(broker), Random(1)  # noqa: S311 - events to measure
    for number in range(events):
        key = chance.randrange(keys)
        at = START_MS + number // EVENTS_PER_MS - chance.randrange(domain.BOUND_MS)
        writer.send(topic, _record(number, key, at))
    for partition in range(domain.PARTITIONS):
        writer.send(topic, _record(events + partition, keys + partition, _LAST_MS))
    writer.flush()
    writer.close()


def _record(number: int, key: int, at: int) -> OutgoingRecord:
    value = (
        b'{"reading_id":"reading-%012d","what":"measured","at":%d,"sensor":"s%06d",'
        b'"level":%d.%d,"note":"%b"}'
        % (number, at, key, number % 97, key % 10, b"x" * 90)
    )
    return OutgoingRecord(value, partition=key % domain.PARTITIONS)


def _counted(settings: Settings) -> tuple[int, int, int]:
    """Windows, the events in them, and late events."""
    reader = LiveResultReader.open(settings.stream_state_url)
    source = reader.source("measured")
    results = reader.results(source, _EVER)
    late = int(reader.late(source, _EVER).events.sum())
    reader.close()
    return len(results), int(results.values["readings"].values.sum()), late


def _await_committed(settings: Settings, events: int) -> None:
    reader = LiveResultReader.open(settings.stream_state_url)
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        sources = reader.sources()
        places = reader.coverage(sources[0]) if sources else []
        if len(places) == domain.PARTITIONS and (
            sum(place.next_offset for place in places) >= events
        ):
            reader.close()
            return
        time.sleep(0.02)
    raise TimeoutError("the sidecar has not committed everything")


async def _measure_latency(broker: Broker, home: Path, rate: int, seconds: int) -> None:
    job, topic = Job("tumbling", quantiles=False, keys=100), f"latency-{rate}"
    Topics(broker).create(topic, domain.PARTITIONS)
    settings = _settings(broker, home, topic)
    with _sidecar(settings, job, topic) as process:
        await asyncio.to_thread(_await_committed, settings, 0)
        address = f"ws://127.0.0.1:{settings.ports.sidecar}/ws"
        async with connect(address, proxy=None, max_size=None) as client:
            token = _key(settings)
            await client.send(json.dumps({"type": "authenticate", "token": token}))
            request = {"type": "subscribe", "channel": "windows.measured"}
            await client.send(json.dumps(request))
            sender = _SPAWN.Process(
                target=_send_at, args=(broker, topic, rate, seconds), daemon=True
            )
            sender.start()
            before = _cpu(process)
            found = sorted([one async for one in _latencies(client, seconds)])
            cpu = _cpu(process) - before
    shares = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
    told = [f"{n} {found[int(len(found) * s)]:.0f}" for n, s in shares.items()]
    print(
        f"{rate:,} events/s for {seconds} s: send to frame, ms: {', '.join(told)}, "
        f"slowest {found[-1]:.0f}; {len(found):,} windows; {cpu / seconds:.2f} cores, "
        f"load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


async def _latencies(client: ClientConnection, seconds: int) -> AsyncIterator[float]:
    """Milliseconds from the send that closed a window to the frame that tells of it."""
    first = 0.0
    async with asyncio.timeout(seconds + 90):
        async for text in client:
            now_ms, now = time.time() * 1000, time.monotonic()
            items = json.loads(text).get("items", ())
            first = first or (now if items else 0.0)
            for item in items:
                if now > first + _WARM_SECONDS and item["type"] == "message":
                    yield now_ms - item["sent_ms"]
            if first and now > first + seconds - _WARM_SECONDS:
                return


def _send_at(broker: Broker, topic: str, rate: int, seconds: int) -> None:
    """Events whose time is when they are sent, evenly, in steps of 5 ms."""
    writer, chance = TopicWriter(broker, linger_ms=1), Random(2)  # noqa: S311
    time.sleep(2)
    started, number = time.time(), 0
    while (gone := time.time() - started) < seconds:
        while number < gone * rate:
            record = _record(number, chance.randrange(100), int(time.time() * 1000))
            writer.send(topic, record)
            number += 1
        time.sleep(0.005)
    writer.flush()
    writer.close()


@contextmanager
def _sidecar(settings: Settings, job: Job, topic: str) -> Iterator[BaseProcess]:
    process = _SPAWN.Process(target=_serve, args=(settings, job, topic), daemon=True)
    process.start()
    try:
        yield process
    finally:
        process.terminate()
        process.join(30)


def _serve(settings: Settings, job: Job, topic: str) -> None:
    configure_logging(format="console", level="ERROR")
    profile = os.environ.get("PROFILE")
    if profile:
        import cProfile

        profiler = cProfile.Profile()
        profiler.runcall(run_sidecar, settings, job.domain(topic))
        profiler.dump_stats(profile)
        return
    run_sidecar(settings, job.domain(topic))


def _settings(broker: Broker, home: Path, topic: str) -> Settings:
    return Settings(
        home=home,
        ports=PortSettings(sidecar=free_port()),
        streaming=StreamingSettings(brokers=broker.bootstrap, group=topic),
    )


def _key(settings: Settings) -> str:
    request = KeyRequest("benchmark", (Role.VIEWER,), timedelta(hours=1))
    text, key = issue_key(request, now=datetime.now(UTC), random=secrets.token_hex)
    store = ControlStore.open(settings.control_store_url)
    store.keys.add(key)
    store.engine.dispose()
    return text


def _cpu(process: BaseProcess) -> float:
    times = psutil.Process(process.pid).cpu_times()
    return times.user + times.system


if __name__ == "__main__":
    main()
