"""Poll to closed windows, as fast as it goes: a topic that is seen all at once."""

import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from analytics_platform.adapters.brokers import Broker
from analytics_platform.adapters.kafka_broker import KafkaBroker
from analytics_platform.adapters.topic import Topics
from tests.benchmarks.stream.feeds import Feed, ends_of, fill
from tests.benchmarks.stream.jobs import (
    WINDOWS,
    Committed,
    Job,
    cpu_seconds,
    load,
    settings_of,
    sidecar,
)
from tests.domains import readings as domain

FEW_RESULTS = 4  # times as many events, so that there are few results even of many keys
JOBS = [
    *(
        Job(name, 1_000, quantiles=quantiles)
        for name in ("tumbling", "hopping", "session")
        for quantiles in (False, True)
    ),
    Job("minute", 1_000),
    Job("minute", 100_000),
]


@dataclass(frozen=True)
class Drained:
    """What it took to work off a topic that was filled beforehand."""

    topic: str
    results: int
    counted: int
    late: int
    wall: float
    cpu: float
    broker_cpu: float


def drained(kafka: KafkaBroker, home: Path, job: Job, events: int) -> Drained:
    """Fill a topic, let a sidecar that is ready see it, wait until all is committed.

    Raises:
        AssertionError: windows and late events are not what was sent.
    """
    broker, topic = Broker.configured(kafka.bootstrap), f"line-{secrets.token_hex(4)}"
    Topics(broker).create(topic, domain.PARTITIONS)
    settings = settings_of(broker, home, topic)
    feed = Feed(broker, at_once=True)
    with sidecar(settings, job.domain(topic)) as process:
        committed = Committed(settings)
        committed.wait_for_start()
        fill(feed, topic, keys=job.keys, events=events)
        before, started = cpu_seconds(process.pid), time.monotonic()
        kafka_before = cpu_seconds(kafka.pid)
        feed.commit()
        committed.wait_for(ends_of(broker, topic, at_once=True))
        wall = time.monotonic() - started
        cpu = cpu_seconds(process.pid) - before
        theirs = cpu_seconds(kafka.pid) - kafka_before
    results, counted, late = committed.counted()
    assert counted + late == events * windows_per_event(job), (counted, late, events)
    return Drained(topic, results, counted, late, wall, cpu, theirs)


def measure_throughput(kafka: KafkaBroker, home: Path, job: Job, events: int) -> None:
    """Print one line's rates; raises as `drained` does."""
    found = drained(kafka, home, job, events)
    print(
        f"{job.title:<40} {events / found.cpu:10,.0f} events/CPU-s "
        f"{events / found.wall:10,.0f} events/s   {found.results:,} results, "
        f"{found.late:,} late, {found.cpu:.1f} CPU-s, broker {found.broker_cpu:.1f}; "
        f"{load()}",
        flush=True,
    )


def windows_per_event(job: Job) -> int:
    """In how many windows each event is, or for how many it is too late."""
    spec = WINDOWS[job.window]
    return spec.size // spec.slide if spec.size and spec.slide else 1
