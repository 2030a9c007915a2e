"""A new topic on a real Kafka node, and members of a group that read it."""

import asyncio
import uuid
from collections.abc import Callable, Coroutine
from typing import Any

from analytics_platform.adapters.brokers import Broker
from analytics_platform.adapters.topic import OutgoingRecord, Topics, TopicWriter
from streaming.membership import ConsumerOptions
from tests.support.stream_members import Member, OffsetTable

PARTITIONS = 4


class Stream:
    """A new topic of four partitions, its writer, and members that read it."""

    def __init__(self, bootstrap: str) -> None:
        self.broker = Broker.configured(bootstrap)
        self.topic = f"stream-{uuid.uuid4().hex[:8]}"
        self.table = OffsetTable()
        Topics(self.broker).create(self.topic, PARTITIONS)

    def write(self, count: int, *, start: int = 0) -> None:
        writer = TopicWriter(self.broker)
        for number in range(start, start + count):
            record = OutgoingRecord(b'{"n":%d}' % number, partition=number % PARTITIONS)
            writer.send(self.topic, record)
        writer.flush()
        writer.close()

    def member(self, **options: Any) -> Member:
        chosen = {"session_ms": 3_000, "heartbeat_ms": 200, "rebalance_ms": 5_000}
        return Member(
            ConsumerOptions(
                bootstrap=self.broker.bootstrap,
                group=f"group-{self.topic}",
                topics=(self.topic,),
                **(chosen | options),
            ),
            self.table,
        )

    def has(self, count: int) -> Callable[[], bool]:
        return lambda: len(self.table.taken) >= count

    def assert_taken_once(self, count: int) -> None:
        """Each number once, and in the order of offsets within a partition."""
        taken = self.table.taken
        assert sorted(v or b"" for _, _, v in taken) == sorted(
            b'{"n":%d}' % number for number in range(count)
        )
        for partition in range(PARTITIONS):
            offsets = [offset for p, offset, _ in taken if p == partition]
            assert offsets == sorted(set(offsets))


def run(steps: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(steps, 60))


async def started(*members: Member) -> None:
    for member in members:
        await member.consumer.start()


async def stopped(*members: Member) -> None:
    await asyncio.gather(*(member.consumer.stop() for member in members))
