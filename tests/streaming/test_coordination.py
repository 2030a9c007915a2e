"""Offset commits that meet a rebalance while nobody waits for them any more."""

import asyncio
import gc
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import CommitFailedError, KafkaError
from aiokafka.structs import OffsetAndMetadata
from aiokafka.structs import TopicPartition as KafkaPartition

from streaming import offset_hints
from streaming.checkpoints.values import Move
from streaming.coordination import Coordinator
from streaming.offset_hints import OffsetHints
from tests.support.loops import in_loop

_NO_ERROR, _REBALANCE_IN_PROGRESS = 0, 27  # protocol#protocol_error_codes
WHERE = KafkaPartition("t", 0)


class Group(Coordinator):
    """A coordinator without a broker; the first request is answered when told to."""

    def __init__(self) -> None:
        self.group_id, self.generation, self.member_id = "group", 1, "member"
        self.coordinator_id, self.rejoins = 0, 0
        self._commit_lock = asyncio.Lock()
        self.asked, self.answers = 0, asyncio.Event()

    async def ensure_coordinator_known(self) -> None:
        """It is."""

    def request_rejoin(self) -> None:
        """As the error of a rebalance asks for."""
        self.rejoins += 1

    async def _send_req(self, _request: object) -> Any:
        self.asked += 1
        code = _REBALANCE_IN_PROGRESS if self.asked == 1 else _NO_ERROR
        if code:
            await self.answers.wait()
        return SimpleNamespace(topics=[("t", [(0, code)])])

    async def commit(self, offsets: Any) -> bool:
        """As the consumer does."""
        told = {
            KafkaPartition(*w): OffsetAndMetadata(at, "") for w, at in offsets.items()
        }
        try:
            await self.commit_offsets(None, told)
        except KafkaError:
            return False
        return True


async def complaints(steps: Callable[[], Coroutine[Any, Any, None]]) -> list[Any]:
    """What the loop had to say of errors that nobody has read."""
    said: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: said.append(told))
    await steps()
    await asyncio.sleep(0.01)
    gc.collect()
    return said


@in_loop
async def test_an_error_that_is_waited_for_is_raised() -> None:
    group = Group()
    group.answers.set()
    with pytest.raises(CommitFailedError):
        await group.commit_offsets(None, {WHERE: OffsetAndMetadata(5, "")})
    assert group.rejoins == 1


def test_a_hint_that_is_given_up_and_then_refused_in_a_rebalance_is_no_complaint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(offset_hints, "_EVERY_SECONDS", 0.0)

    async def steps() -> None:
        group, hints = Group(), OffsetHints()
        hints.note("t", {0: Move(1, 0, 5)})
        hints.tell(group)
        await asyncio.sleep(0.01)
        await hints.tell_now(group)  # partitions are to be given up
        assert group.asked == 2
        group.answers.set()
        await asyncio.sleep(0.01)
        assert group.rejoins == 1

    assert asyncio.run(complaints(steps)) == []


def test_a_hint_that_took_too_long_and_is_then_refused_is_no_complaint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(offset_hints, "_LEAVE_SECONDS", 0.01)

    async def steps() -> None:
        group, hints = Group(), OffsetHints()
        hints.note("t", {0: Move(1, 0, 5)})
        await hints.tell_now(group)
        group.answers.set()
        await asyncio.sleep(0.01)
        assert group.rejoins == 1

    assert asyncio.run(complaints(steps)) == []
