"""Tells Kafka how far its partitions are; a hint for its lag tools, never the truth."""

import asyncio
import time
from collections.abc import Collection, Mapping
from typing import Protocol

from streaming.checkpoints.values import Move
from streaming.records import TopicPartition

_EVERY_SECONDS = 5.0
_LEAVE_SECONDS = 1.0


class Told(Protocol):
    """Who passes offsets on to Kafka: the consumer."""

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> bool:
        """Tell next offsets; False when they could not be told."""
        ...


class OffsetHints:
    """Next offsets that are committed, told now and then; nothing waits for it."""

    def __init__(self) -> None:
        self._next: dict[TopicPartition, int] = {}
        self._told: dict[TopicPartition, int] = {}
        self._at = time.monotonic()
        self._telling: asyncio.Task[None] | None = None

    def note(self, topic: str, moves: Mapping[int, Move]) -> None:
        """Take in what a commit has written."""
        self._next |= {
            TopicPartition(topic, partition): move.next
            for partition, move in moves.items()
        }

    def forget(self, topic: str, partitions: Collection[int]) -> None:
        """Say nothing of partitions that are owned no longer."""
        for partition in partitions:
            self._next.pop(TopicPartition(topic, partition), None)
            self._told.pop(TopicPartition(topic, partition), None)

    def tell(self, to: Told) -> None:
        """Tell what is new, if the last time was a while ago; does not wait."""
        now = time.monotonic()
        is_telling = self._telling is not None and not self._telling.done()
        if now - self._at < _EVERY_SECONDS or is_telling or not self._news:
            return
        self._at = now
        self._telling = asyncio.create_task(self._tell(to), name="offset-hints")

    async def tell_now(self, to: Told) -> None:
        """Tell what is new before partitions are given up; gives up after a second."""
        self.stop()
        if self._news:
            try:
                async with asyncio.timeout(_LEAVE_SECONDS):
                    await self._tell(to)
            except TimeoutError:
                return  # the next owner tells its own

    def stop(self) -> None:
        """Tell nothing more of what is being told."""
        if self._telling is not None:
            self._telling.cancel()

    @property
    def _news(self) -> dict[TopicPartition, int]:
        told = self._told
        return {one: at for one, at in self._next.items() if told.get(one) != at}

    async def _tell(self, to: Told) -> None:
        news = self._news
        if await to.commit(news):
            self._told |= news
