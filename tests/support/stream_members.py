"""Group members whose state is a table in memory, for tests of the consumer."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from streaming.kafka import EventConsumer
from streaming.membership import ConsumerOptions, LogBounds
from streaming.records import RawRecords, TopicPartition


@dataclass
class OffsetTable:
    """Where each partition goes on, shared by members; what each of them took."""

    next_offsets: dict[TopicPartition, int] = field(default_factory=dict)
    taken: list[tuple[int, int, bytes | None]] = field(default_factory=list)
    claims: list[frozenset[int]] = field(default_factory=list)


class Member:
    """Takes what comes and commits it to the table at once."""

    def __init__(self, options: ConsumerOptions, table: OffsetTable) -> None:
        self.table = table
        self.consumer = EventConsumer(options, self)
        self.partitions: frozenset[TopicPartition] = frozenset()
        self.events: list[str] = []
        self.chunks: list[RawRecords] = []

    async def on_revoke(self, partitions: frozenset[TopicPartition]) -> None:
        assert partitions == self.partitions
        self.partitions = frozenset()
        self.events.append("revoke")

    async def on_assign(
        self, bounds: Mapping[TopicPartition, LogBounds]
    ) -> Mapping[TopicPartition, int]:
        self.partitions = frozenset(bounds)
        self.events.append("assign")
        self.table.claims.append(frozenset(each.partition for each in bounds))
        known = self.table.next_offsets
        return {each: known.get(each, bounds[each].begin) for each in bounds}

    async def step(self, seconds: float = 0.2) -> int:
        """One poll; gives how many records it brought."""
        chunks = await self.consumer.poll(seconds)
        for chunk in chunks:
            assert chunk.where in self.partitions
            self.table.next_offsets[chunk.where] = chunk.next_offset
            self.table.taken += [
                (chunk.where.partition, record.offset, record.value)
                for record in chunk.records()
            ]
        self.chunks += chunks
        return sum(map(len, chunks))

    async def run_until(self, done: Callable[[], bool], seconds: float = 15) -> None:
        """Poll until it is done.

        Raises:
            TimeoutError: it was not within this time.
        """
        deadline = time.monotonic() + seconds
        while not done():
            await self.step()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(self.table.taken)} taken, {self.events}")


async def run_together(
    members: list[Member], done: Callable[[], bool], seconds: float = 20
) -> None:
    """Let members poll side by side until it is done."""
    await asyncio.gather(*(member.run_until(done, seconds) for member in members))
