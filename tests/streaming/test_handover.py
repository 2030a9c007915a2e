"""What a sidecar leaves to the next owner of its partitions, on a real database."""

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from analytics_platform.adapters.control_store.migrations import migrate
from streaming.records import TopicPartition
from tests.domains import readings as domain
from tests.support.driven import (
    SOURCE,
    Crash,
    FakeConsumer,
    Process,
    Troubled,
    crash_at,
    logs_of,
    values_of,
)
from tests.support.readings import expected, last_readings, readings, stored

LOGS = logs_of([*readings(1, 1_200), *last_readings()])
WANTED = expected(LOGS)


@pytest.fixture
def url(tmp_path: Path) -> str:
    found = f"sqlite:///{tmp_path / 'stream.sqlite'}"
    migrate(found)
    return found


def process(url: str, *, piece: int = 40, **options: Any) -> Process:
    store = Troubled.open(url)
    return Process(store, FakeConsumer(values_of(LOGS), piece), **options)


@dataclass
class Offsets:
    """Next offsets of the partitions around the moment at which they are revoked."""

    taken: dict[int, int] = field(default_factory=dict)
    before: dict[int, int] = field(default_factory=dict)
    after: dict[int, int] = field(default_factory=dict)
    told: dict[TopicPartition, int] = field(default_factory=dict)


def revoked_with_uncommitted_events(url: str) -> Offsets:
    """A process loses all partitions right after it took events of each, once."""
    one, found, polls = process(url), Offsets(), 0
    inner = one.consumer.poll

    async def poll(_seconds: float) -> Any:
        nonlocal polls
        polls += 1
        if polls == 3:
            found.taken, found.before = one.consumer.places, next_offsets(url)
            await one.consumer.revoke()
            found.after, found.told = next_offsets(url), dict(one.consumer.told)
            await one.consumer.assign(range(domain.PARTITIONS))
        return await inner(_seconds)

    one.consumer.poll = poll  # type: ignore[method-assign]
    one.run()
    return found


def next_offsets(url: str) -> dict[int, int]:
    """What is stored of each partition, after the first commit."""
    with sqlite3.connect(url.removeprefix("sqlite:///")) as database:
        return dict(
            database.execute("select partition, next_offset from stream_partitions")
        )


def test_what_was_taken_is_committed_before_partitions_are_given_up(url: str) -> None:
    found = revoked_with_uncommitted_events(url)
    assert set(found.taken) == set(range(domain.PARTITIONS))
    assert found.before != found.taken
    assert found.after == found.taken
    assert stored(url) == WANTED


def test_kafka_is_told_what_was_committed_before_partitions_are_given_up(
    url: str,
) -> None:
    found = revoked_with_uncommitted_events(url)
    taken = {TopicPartition(domain.TOPIC, n): at for n, at in found.taken.items()}
    assert taken
    assert found.told == taken


def test_what_was_committed_and_not_delivered_is_recalled_by_the_next_owner(
    url: str,
) -> None:
    life = process(url, piece=12, acknowledges=False)
    life.consumer.pause_seconds = 0.005  # so that there are many commits
    setattr(life.store, "after", crash_at(3))  # noqa: B010 - not every store has it
    with pytest.raises(Crash):
        life.run()
    pending = {
        one.id: one.output
        for partition in range(domain.PARTITIONS)
        for one in life.store.pending(SOURCE, [partition])
    }
    following = process(url)
    following.run()
    assert pending
    assert {one.id: one.output for one in following.recalled} == pending
