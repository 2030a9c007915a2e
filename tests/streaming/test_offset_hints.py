"""Hints are told now and then, once, and never waited for."""

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace

import pytest

from streaming import offset_hints
from streaming.checkpoints.values import Move
from streaming.offset_hints import OffsetHints
from streaming.records import TopicPartition
from tests.support.loops import in_loop

FIRST, SECOND = TopicPartition("t", 0), TopicPartition("t", 1)


class Broker:
    """Takes offsets, refuses them, or does not answer."""

    def __init__(self) -> None:
        self.told: list[dict[TopicPartition, int]] = []
        self.refuses, self.is_away = False, False

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> bool:
        self.told.append(dict(offsets))
        if self.is_away:
            await asyncio.sleep(3_600)
        return not self.refuses


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offset_hints, "_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(offset_hints, "_LEAVE_SECONDS", 0.05)


def noted(**offsets: int) -> OffsetHints:
    made = OffsetHints()
    moves = {int(name[1:]): Move(1, 0, at) for name, at in offsets.items()}
    made.note("t", moves)
    return made


@in_loop
async def test_nothing_is_told_before_its_time() -> None:
    broker, hints = Broker(), noted(p0=5)
    hints.tell(broker)
    await asyncio.sleep(0.01)
    assert broker.told == []


@in_loop
async def test_what_is_new_is_told_every_five_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(offset_hints, "time", SimpleNamespace(monotonic=lambda: now))
    broker, hints = Broker(), OffsetHints()
    counts: list[int] = []
    for offset, at in enumerate((104.9, 105.0, 109.9, 110.0), 1):
        now = at
        hints.note("t", {0: Move(1, offset - 1, offset)})
        hints.tell(broker)
        await asyncio.sleep(0)
        counts.append(len(broker.told))
    assert counts == [0, 1, 1, 2]
    assert broker.told == [{FIRST: 2}, {FIRST: 4}]


@pytest.mark.usefixtures("impatient")
def test_only_what_is_new_is_told_and_what_was_refused_again() -> None:
    broker, hints = Broker(), noted(p0=5, p1=7)

    async def told() -> None:
        hints.tell(broker)
        await asyncio.sleep(0.01)

    async def steps() -> None:
        broker.refuses = True
        await told()
        broker.refuses = False
        await told()
        await told()
        hints.note("t", {0: Move(1, 5, 6)})
        await told()

    asyncio.run(steps())
    both = {FIRST: 5, SECOND: 7}
    assert broker.told == [both, both, {FIRST: 6}]


@pytest.mark.usefixtures("impatient")
def test_a_broker_that_does_not_answer_is_asked_once_and_left_in_time() -> None:
    broker, hints = Broker(), noted(p0=5)
    broker.is_away = True

    async def steps() -> None:
        for _ in range(3):
            hints.tell(broker)
            await asyncio.sleep(0.01)
        assert len(broker.told) == 1
        await hints.tell_now(broker)
        assert len(broker.told) == 2

    asyncio.run(steps())


@in_loop
async def test_nothing_is_said_of_partitions_that_were_given_up() -> None:
    broker, hints = Broker(), noted(p0=5, p1=7)
    hints.forget("t", [0])
    await hints.tell_now(broker)
    assert broker.told == [{SECOND: 7}]
