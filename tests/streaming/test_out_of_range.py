"""A stored offset that the log no longer holds: a stop, or the choice that was made."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import pytest

from analytics_platform.adapters.control_store.migrations import migrate
from analytics_platform.settings import StreamingSettings
from streaming.checkpoints.errors import OffsetOutOfRange
from streaming.checkpoints.store import CheckpointStore
from streaming.membership import LogBounds
from streaming.records import TopicPartition
from tests.domains import readings as domain
from tests.support.driven import FakeConsumer, Process, logs_of, values_of
from tests.support.readings import readings

FIRST, SECOND = (values_of(logs_of(readings(seed, 200))) for seed in (1, 2))
LOST = 30  # the oldest records of what came second are gone before they are read


class Shortened(FakeConsumer):
    """The log begins after what was committed."""

    async def assign(self, partitions: Iterable[int]) -> None:
        bounds = {
            TopicPartition(domain.TOPIC, one): LogBounds(
                len(FIRST[one]) + LOST, len(self.logs[one])
            )
            for one in partitions
        }
        starts = await self._owned.on_assign(bounds)
        self.places = {where.partition: offset for where, offset in starts.items()}


def second_life(tmp_path: Path, choice: Literal["earliest", "latest", "fail"]) -> int:
    """How many events a second process takes of logs that lost some."""
    url = f"sqlite:///{tmp_path / 'stream.sqlite'}"
    migrate(url)
    Process(CheckpointStore.open(url), FakeConsumer(FIRST)).run()
    logs = [[*old, *new] for old, new in zip(FIRST, SECOND, strict=True)]
    settings = StreamingSettings(out_of_range=choice)
    life = Process(CheckpointStore.open(url), Shortened(logs), settings=settings)
    life.run()
    return life.driver.counts[domain.TOPIC]


def test_unless_told_otherwise_it_stops(tmp_path: Path) -> None:
    with pytest.raises(OffsetOutOfRange, match="earliest"):
        second_life(tmp_path, "fail")


def test_it_goes_on_with_the_oldest_that_there_is(tmp_path: Path) -> None:
    there = sum(len(log) - LOST for log in SECOND)
    assert second_life(tmp_path, "earliest") == there


def test_it_goes_on_with_the_next_new_one(tmp_path: Path) -> None:
    assert second_life(tmp_path, "latest") == 0
