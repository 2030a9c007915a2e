"""Two sidecars over four partitions against one, on the same events."""

import os
import secrets
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

from analytics_platform.adapters.brokers import Broker
from analytics_platform.adapters.control_store.migrations import migrate
from analytics_platform.adapters.kafka_broker import KafkaBroker
from analytics_platform.adapters.topic import Topics
from analytics_platform.settings import Settings
from tests.benchmarks.stream.feeds import Feed, ends_of, fill
from tests.benchmarks.stream.jobs import (
    Committed,
    Job,
    cpu_seconds,
    load,
    scraped,
    settings_of,
    sidecar,
)
from tests.benchmarks.stream.throughput import windows_per_event
from tests.domains import readings as domain
from tests.support.postgres import new_database, running_postgres

JOB = Job("hopping", 1_000, quantiles=True)
_START_SECONDS = 120.0


@dataclass(frozen=True)
class Rate:
    """What some processes took for the same events."""

    events: int
    wall: float
    cpu: float

    def line(self, count: int) -> str:
        """One line of the comparison."""
        return (
            f"{count} process(es): {self.events / self.wall:10,.0f} events/s, "
            f"{self.events / self.cpu:10,.0f} events/CPU-s, {load()}"
        )


def measure_processes(kafka: KafkaBroker, home: Path, events: int) -> None:
    """Print both rates and their ratio; the state is in PostgreSQL."""
    found: list[Rate] = []
    with running_postgres() as server:
        for count in (1, 2):
            with new_database(server) as url:
                migrate(url)
                found.append(_rate(kafka, home, url, count=count, events=events))
            print(found[-1].line(count), flush=True)
    one, two = found
    print(
        f"two do {one.wall / two.wall:.2f} times what one does, for "
        f"{two.cpu / one.cpu:.2f} times the processor time, on {os.cpu_count()} cores "
        "that broker and database share",
        flush=True,
    )


def _rate(
    kafka: KafkaBroker, home: Path, state: str, *, count: int, events: int
) -> Rate:
    broker, topic = Broker.configured(kafka.bootstrap), f"share-{secrets.token_hex(4)}"
    Topics(broker).create(topic, domain.PARTITIONS)
    settings = [settings_of(broker, home, topic, state=state) for _ in range(count)]
    feed = Feed(broker, at_once=True)
    with ExitStack() as stack:
        processes = [
            stack.enter_context(sidecar(one, JOB.domain(topic))) for one in settings
        ]
        _wait_until_shared(settings)
        fill(feed, topic, keys=JOB.keys, events=events)
        before, started = [cpu_seconds(one.pid) for one in processes], time.monotonic()
        feed.commit()
        Committed(settings[0]).wait_for(ends_of(broker, topic, at_once=True))
        wall = time.monotonic() - started
        cpu = sum(cpu_seconds(one.pid) for one in processes) - sum(before)
    _, counted, late = Committed(settings[0]).counted()
    assert counted + late == events * windows_per_event(JOB), (counted, late)
    return Rate(events, wall, cpu)


def _wait_until_shared(settings: Sequence[Settings]) -> None:
    """Wait until every process owns its share of the partitions."""
    share = domain.PARTITIONS // len(settings)
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        with suppress(URLError, ConnectionError):
            owned = [_partitions_seen(one) for one in settings]
            # The first to come may have had them all for a moment.
            if min(owned) == share:
                time.sleep(2)
                return
        time.sleep(0.2)
    raise TimeoutError("the processes do not share the partitions")


def _partitions_seen(settings: Settings) -> int:
    names = scraped(settings)
    return sum(name.startswith("consumer_lag_records") for name in names)
