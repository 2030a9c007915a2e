"""Partitions that come and go wait here until the owner's task has had its say."""

import asyncio
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.structs import TopicPartition as KafkaPartition

from streaming.records import TopicPartition

Kind = Literal["assign", "revoke"]


@dataclass(frozen=True)
class Change:
    """Partitions that come or go; the rebalance goes on once it is finished."""

    kind: Kind
    partitions: frozenset[TopicPartition]
    done: "asyncio.Future[None]"

    def finish(self) -> None:
        """Let the rebalance go on."""
        if not self.done.done():
            self.done.set_result(None)


class Rebalance:
    """Holds a rebalance, which runs in another task, at each change."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self._changes: deque[Change] = deque()
        self._closed = False

    async def ask(self, kind: Kind, partitions: Collection[tuple[str, int]]) -> None:
        """Wait until the owner's task has finished this change."""
        if self._closed:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        named = frozenset(TopicPartition(*each) for each in partitions)
        self._changes.append(Change(kind, named, done))
        self.asked.set()
        await done

    def next(self) -> Change | None:
        """What the owner is to be told next; None when there is nothing."""
        if self._changes:
            return self._changes.popleft()
        self.asked.clear()
        return None

    def close(self) -> None:
        """Nobody is asked any more: let everything go on."""
        self._closed = True
        while (change := self.next()) is not None:
            change.finish()


class Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Passes aiokafka's rebalance, a task of its own, on to the owner's task."""

    def __init__(self, rebalance: Rebalance) -> None:
        self._rebalance = rebalance

    async def on_partitions_revoked(self, revoked: set[KafkaPartition]) -> None:
        """Some go."""
        if revoked:
            await self._rebalance.ask("revoke", revoked)

    async def on_partitions_assigned(self, assigned: set[KafkaPartition]) -> None:
        """Some come, maybe none."""
        await self._rebalance.ask("assign", assigned)
