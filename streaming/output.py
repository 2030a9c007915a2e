"""Results and dead letters on their way to Kafka, without ever blocking the loop."""

import asyncio
import time
from collections.abc import Iterable

from analytics_platform.adapters.brokers import Broker
from analytics_platform.adapters.topic import (
    OutgoingRecord,
    SameHeaders,
    TopicWriter,
)
from analytics_platform.core.dead_letters import (
    DeadLetter,
    dead_letter_topic,
    replays_of,
)
from analytics_platform.errors import Unavailable
from streaming.records import Record

_FULL_WAIT_SECONDS = 0.01
_FLUSH_SECONDS = 30.0
_SLICE_SECONDS = 0.5
_AT_ONCE = 2_000  # records between two turns of the loop: 3 to 5 ms


def letter_of(
    record: Record,
    *,
    error: str,
    message: str,
    at_ms: int,
    prediction: str | None = None,
) -> DeadLetter:
    """The letter in which a record is put away."""
    return DeadLetter(
        topic=record.where.topic,
        partition=record.where.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        headers=record.headers,
        error=error,
        message=message,
        at_ms=at_ms,
        replays=replays_of(record.headers),
        prediction=prediction,
    )


class Output:
    """Writes records; the same result is written with the same key and value.

    What is sent again after a crash is a repeat: readers keep the last one per key.
    """

    def __init__(self, broker: Broker, *, linger_ms: float = 5) -> None:
        self._writer = TopicWriter(broker, linger_ms=linger_ms)

    async def send(self, topic: str, records: Iterable[OutgoingRecord]) -> None:
        """Hand records over; waits, with the loop free, while too much is underway.

        Raises:
            DeliveryFailed: the broker refused earlier records.
        """
        for record in records:
            while not self._writer.offer(topic, record):
                self._writer.poll()
                await asyncio.sleep(_FULL_WAIT_SECONDS)
        self._writer.poll()

    async def send_many(self, topic: str, records: SameHeaders) -> None:
        """Hand n records over as `send` does, without an object for each.

        Raises:
            DeliveryFailed: the broker refused earlier records.
        """
        done = 0
        while done < len(records):
            chunk = records.part(done, done + _AT_ONCE)
            taken = self._writer.offer_many(topic, chunk)
            self._writer.poll()
            done += taken
            full = taken < len(chunk)
            await asyncio.sleep(_FULL_WAIT_SECONDS if full else 0)

    async def put_away(self, letters: Iterable[DeadLetter]) -> None:
        """Write dead letters to the topic of theirs, and wait until they are there.

        Raises:
            DeliveryFailed: the broker refused one.
            Unavailable: the broker does not answer.
        """
        for letter in letters:
            record = OutgoingRecord(letter.value, letter.key, letter.written_headers())
            await self.send(dead_letter_topic(letter.topic), [record])
        await self.flush()

    async def flush(self, seconds: float = _FLUSH_SECONDS) -> None:
        """Wait until everything has arrived; raises as `put_away` does."""
        deadline = time.monotonic() + seconds
        while self._writer.underway:
            left = deadline - time.monotonic()
            try:  # in slices: a thread cannot be cancelled, and an end waits for it
                await asyncio.to_thread(self._writer.flush, min(left, _SLICE_SECONDS))
            except Unavailable:
                if left <= _SLICE_SECONDS:
                    raise

    def close(self) -> None:
        """End at once; what is still underway is dropped."""
        self._writer.close()
