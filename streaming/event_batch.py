"""Decoded events of one poll as columns, each knowing the record that it came from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from analytics_platform.contracts.messages import DeadLetter
from streaming.decoding import BadRecord, Columns, Decoder, Records
from streaming.keys import KeyTable

Integers = NDArray[np.int64]
Ids = NDArray[np.int32]

# The error of an event that a window or prediction cannot be computed of.
HANDLER_ERROR = "handler_error"
_MESSAGE_CHARACTERS = 500


class PartitionRecords(Records, Protocol):
    """Records of one partition of a topic."""

    @property
    def where(self) -> tuple[str, int]:
        """Topic and partition."""
        ...

    @property
    def next_offset(self) -> int:
        """The first offset after them."""
        ...


@dataclass(frozen=True)
class Rejected:
    """A record that could not be used: `records.record(index)` is all of it."""

    letter: DeadLetter
    records: PartitionRecords
    index: int


@dataclass(frozen=True, eq=False)
class EventBatch:
    """n events in the order of their records, partition by partition.

    `source` is the place in `polled` of the records that an event came from; `key` the
    number of (partition, key).
    """

    polled: Sequence[PartitionRecords]
    columns: Columns
    source: Ids
    offset: Integers
    partition: Ids
    key: Ids
    ts_ms: Integers

    def __len__(self) -> int:
        return self.offset.size

    def item(self, field: str, place: int) -> Any:  # noqa: ANN401 - as JSON has it
        """A field of one event."""
        attribute = self.columns.decoder.attribute(field)
        return getattr(self.columns.events[place], attribute)

    def rejected(
        self, place: int, error: str, message: str, window: str | None = None
    ) -> Rejected:
        """One event, refused."""
        records, offset = self.polled[self.source[place]], int(self.offset[place])
        index = int(np.searchsorted(records.offsets, offset))
        return _rejected(records, BadRecord(index, offset, error, message), window)

    def pick(self, places: Integers) -> "EventBatch":
        """Some of the events."""
        events = self.columns.events
        chosen = [events[place] for place in places.tolist()]
        return EventBatch(
            polled=self.polled,
            columns=self.columns.decoder.columns(chosen),
            source=self.source[places],
            offset=self.offset[places],
            partition=self.partition[places],
            key=self.key[places],
            ts_ms=self.ts_ms[places],
        )

    def by_kind(self) -> "dict[str, EventBatch]":
        """The events of each kind that there is."""
        kinds = self.columns.items(self.columns.decoder.stream.kind_field)
        if kinds.count(kinds[0]) == len(kinds):
            return {kinds[0]: self}
        found = dict.fromkeys(kinds)
        names = np.array(kinds, dtype=np.object_)
        return {kind: self.pick(np.flatnonzero(names == kind)) for kind in found}


def decode_polled(
    polled: Sequence[PartitionRecords], decoder: Decoder, keys: KeyTable, key: str
) -> tuple[EventBatch, list[Rejected]]:
    """The events of all records, and the records that are none."""
    events: list[Any] = []
    rejected: list[Rejected] = []
    numbers, offsets, sizes = [], [], []
    for records in polled:
        decoded = decoder.decode(records)
        rejected += [_rejected(records, bad) for bad in decoded.bad]
        names = decoder.read(key, decoded.events)
        numbers.append(keys.numbers(records.where[1], names))
        offsets.append(decoded.offsets)
        sizes.append(len(decoded.events))
        events = events + decoded.events if events else decoded.events
    columns = decoder.columns(events)
    partitions = np.array([records.where[1] for records in polled], dtype=np.int32)
    return EventBatch(
        polled=polled,
        columns=columns,
        source=np.repeat(np.arange(len(polled), dtype=np.int32), sizes),
        offset=np.concatenate([np.zeros(0, np.int64), *offsets]),
        partition=np.repeat(partitions, sizes),
        key=np.concatenate([np.zeros(0, np.int32), *numbers]),
        ts_ms=columns.integers(decoder.stream.time_field),
    ), rejected


def told(error: Exception) -> str:
    """What a dead letter says of an error."""
    return f"{type(error).__name__}: {error}"[:_MESSAGE_CHARACTERS]


def _rejected(
    records: PartitionRecords, bad: BadRecord, window: str | None = None
) -> Rejected:
    topic, partition = records.where
    letter = DeadLetter(
        topic=topic,
        partition=partition,
        offset=bad.offset,
        error=bad.error,
        message=bad.message,
        window=window,
    )
    return Rejected(letter, records, bad.index)
