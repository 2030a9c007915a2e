"""Reading ranges of a topic's offsets in batches, each range once and whole."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from analytics_platform.adapters.brokers import Broker
from analytics_platform.core.dead_letters import Header
from analytics_platform.errors import InvalidUsage, PlatformError, Unavailable

_SECONDS = 15.0
_REST_SECONDS = 0.05  # what a batch waits for to get larger
_BATCH = 10_000
# A broker that has just started does not lead its partitions yet.
_LEADERLESS = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
)


@dataclass(frozen=True)
class TopicRecord:
    """A record as it stands in the log."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...]


class OffsetRange(NamedTuple):
    """The offsets from `begin` up to and without `end`."""

    begin: int
    end: int


class OffsetsGone(PlatformError):
    """Records that were to be read are not in the log any more."""

    def __init__(self, topic: str, partition: int, *, wanted: int, begin: int) -> None:
        self.topic, self.partition = topic, partition
        self.wanted, self.begin = wanted, begin
        super().__init__(
            f"{topic}, partition {partition}: offset {wanted} is gone; the log begins "
            f"at {begin}.",
            hint="Keep the topic longer, or say from where to go on.",
        )


def read_ranges(
    broker: Broker, topic: str, ranges: Mapping[int, OffsetRange]
) -> Iterator[list[TopicRecord]]:
    """The committed records in a range of offsets of each partition, in batches.

    Within a partition they come in order. An offset may hold no record.

    Raises:
        OffsetsGone: the log does not hold the beginning of a range any more.
        Unavailable: the broker stopped answering.
    """
    open_ranges = {number: one for number, one in ranges.items() if one.begin < one.end}
    with open_reader(broker) as consumer:
        for number, one in open_ranges.items():
            begin, _ = watermarks(consumer, topic, number)
            if begin > one.begin:
                raise OffsetsGone(topic, number, wanted=one.begin, begin=begin)
        consumer.assign(
            [
                TopicPartition(topic, number, one.begin)
                for number, one in open_ranges.items()
            ]
        )
        while open_ranges:
            first = consumer.poll(_SECONDS)
            if first is None:
                raise Unavailable(
                    f"{broker.bootstrap} gave nothing more of {topic}.",
                    hint="Look at the broker, then read again.",
                )
            messages = [first, *consumer.consume(_BATCH - 1, _REST_SECONDS)]
            if found := list(_records(messages, open_ranges)):
                yield found


def open_reader(broker: Broker, group: str = "analytics-reader") -> Consumer:
    """A consumer that joins no group; `group` names whose commits are meant."""
    return Consumer(
        {
            "bootstrap.servers": broker.bootstrap,
            "group.id": group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "auto.offset.reset": "error",
            "log_level": 0,
        }
    )


def watermarks(consumer: Consumer, topic: str, number: int) -> OffsetRange:
    """What a partition's log holds; its end is before any open transaction.

    Raises:
        Unavailable: the broker did not answer.
    """
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            found = consumer.get_watermark_offsets(
                TopicPartition(topic, number), _SECONDS
            )
        except KafkaException as error:
            if error.args[0].code() not in _LEADERLESS:
                raise
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"Nobody leads {topic}: {error}.", hint="Look at the broker."
                ) from error
            time.sleep(_REST_SECONDS)
            continue
        if found is None:
            raise Unavailable(f"No answer about {topic}.", hint="Look at the broker.")
        return OffsetRange(*found)


def _records(
    messages: list[Message], open_ranges: dict[int, OffsetRange]
) -> Iterator[TopicRecord]:
    """The records within the ranges; closes those whose end was reached."""
    for message in messages:
        number, offset = message.partition(), message.offset()
        error = message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            raise Unavailable(f"Reading failed: {error}.", hint="Read again.")
        if number not in open_ranges or number is None or offset is None:
            continue
        end = open_ranges[number].end
        if error is not None and offset < end:
            raise InvalidUsage(
                f"The range of partition {number} ends at {end}, its log at {offset}.",
                hint="Ask for the log's bounds first.",
            )
        if offset + 1 >= end:
            del open_ranges[number]
        if offset < end:
            yield _record(message, number, offset)


def _record(message: Message, partition: int, offset: int) -> TopicRecord:
    headers = message.headers() or []
    pairs = headers.items() if isinstance(headers, dict) else headers
    return TopicRecord(
        topic=message.topic() or "",
        partition=partition,
        offset=offset,
        timestamp_ms=message.timestamp()[1],
        key=_bytes(message.key()),
        value=_bytes(message.value()),
        headers=tuple((name, _bytes(text)) for name, text in pairs),
    )


def _bytes(text: str | bytes | None) -> bytes | None:
    return text.encode() if isinstance(text, str) else text
