"""Kafka's fetched bytes to columns of values, without an object per record."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics_platform.core.traces import TRACEPARENT, valid_traceparent
from analytics_platform.errors import PlatformError
from streaming.record_batches import (
    Batch,
    Decompressor,
    Header,
    batches_in,
    check_crc,
    read_headers,
    read_record,
)
from streaming.record_kernels import MALFORMED, count_newlines, join_values

Bytes = NDArray[np.uint8]
Integers = NDArray[np.int64]

_ABORT_MARKER = 0  # the type in a control record's key; 1 is a commit


class TopicPartition(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int


class CorruptRecords(PlatformError):
    """Bytes of the log that are not what was written; they cannot be skipped."""

    def __init__(self, where: TopicPartition, offset: int, problem: str) -> None:
        self.where, self.offset, self.problem = where, offset, problem
        super().__init__(
            f"{where.topic}, partition {where.partition}, from offset {offset}: "
            f"{problem}.",
            hint="Check the broker's disk, or let the stream start after this batch.",
        )


@dataclass(frozen=True)
class Record:
    """One record with everything it carries; `value` is None for a tombstone."""

    where: TopicPartition
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...]


@dataclass(frozen=True)
class RawRecords:
    """Records of one partition, in the order of their offsets; n may be 0.

    `ndjson` holds the n values, each followed by a newline, when `regular`; else it
    holds nothing, because a value is null, blank, oversized or has a newline in it:
    take such records one by one. `next_offset` is the first one not yet seen; it
    counts what is not handed on (aborted transactions, control records).
    """

    where: TopicPartition
    offsets: Integers
    timestamps_ms: Integers
    ndjson: Bytes
    regular: bool
    next_offset: int
    _places: Integers = field(repr=False)
    _batches: tuple[tuple[int, Batch], ...] = field(repr=False)
    _has_headers: bool = field(default=False, repr=False)

    def __len__(self) -> int:
        return len(self.offsets)

    def record(self, index: int) -> Record:
        """The record at `index` (0 to n - 1), taken apart.

        Raises:
            CorruptRecords: its headers do not follow the format.
        """
        offset = int(self.offsets[index])
        batch = next(b for first, b in reversed(self._batches) if first <= index)
        try:
            found = read_record(batch.records, int(self._places[index]))
        except ValueError as error:
            raise CorruptRecords(self.where, offset, str(error)) from error
        return Record(self.where, offset, int(self.timestamps_ms[index]), *found)

    def trace(self, index: int) -> str | None:
        """The traceparent header of the record at `index`, if it is a valid one."""
        if not self._has_headers:
            return None
        batch = next(b for first, b in reversed(self._batches) if first <= index)
        try:
            headers = read_headers(batch.records, int(self._places[index]))
        except ValueError:
            return None  # whoever takes the record apart says so
        return valid_traceparent(dict(headers).get(TRACEPARENT))

    def records(self) -> Iterator[Record]:
        """Every record, taken apart."""
        return (self.record(index) for index in range(len(self)))


class Aborted(NamedTuple):
    """An aborted transaction, as a fetch response lists it."""

    producer_id: int
    first_offset: int


@dataclass(frozen=True)
class Fetched:
    """What a broker answered for one partition, asked from `position` on."""

    where: TopicPartition
    position: int
    data: bytes
    aborted: Sequence[Aborted] = ()


class RecordReader:
    """Reads fetched bytes as a consumer that sees committed records only."""

    def __init__(self, *, max_value_bytes: int, max_batch_bytes: int) -> None:
        """Longer values are irregular; no batch may decompress to more bytes."""
        self._longest = max_value_bytes
        self._decompressor = Decompressor(max_batch_bytes)

    def read(self, fetched: Fetched) -> list[RawRecords]:
        """The committed records from the position on; one item at least.

        The last item's `next_offset` is where to go on. A batch that was cut off at
        the end is left for the next fetch.

        Raises:
            CorruptRecords: a checksum or the format is wrong.
        """
        where, next_offset = fetched.where, fetched.position
        wanted = []
        try:
            for batch in batches_in(fetched.data):
                next_offset = batch.base_offset
                check_crc(fetched.data, batch)
                wanted.append(batch)
                next_offset = batch.next_offset
            visible = _committed(wanted, fetched.aborted)
            opened = [self._decompressor.open(fetched.data, each) for each in visible]
            return self._join(fetched, opened, max(next_offset, fetched.position))
        except ValueError as error:
            raise CorruptRecords(where, next_offset, str(error)) from error

    def _join(
        self, fetched: Fetched, batches: list[Batch], next_offset: int
    ) -> list[RawRecords]:
        table = _Table(fetched, batches, self._longest)
        for batch in batches:
            table.add(batch)
        return table.chunks(next_offset)


class _Table:
    """The columns of all batches of one fetch, filled batch by batch."""

    def __init__(self, fetched: Fetched, batches: list[Batch], longest: int) -> None:
        records = sum(batch.count for batch in batches)
        size = sum(len(batch.records) for batch in batches)
        self._fetched = fetched
        self._longest = longest
        self._offsets, self._times, self._places = np.empty((3, records), np.int64)
        # A record's own overhead (7 bytes at least) is more than the newline.
        self._joined = np.empty(size, np.uint8)
        self._filled, self._written = 0, 0
        self._parts: list[_Part] = []

    def add(self, batch: Batch) -> None:
        first, start = self._filled, self._written
        rest = slice(first, first + batch.count)
        offsets, times = self._offsets[rest], self._times[rest]
        count, size, regular, headed = join_values(
            batch.records,
            (0, len(batch.records), batch.count),
            (self._fetched.position - batch.base_offset, self._longest),
            self._joined[start:],
            (offsets, times, self._places[rest]),
        )
        if count == MALFORMED:
            raise ValueError("a batch does not follow the record format")
        if regular and count_newlines(self._joined[start : start + size]) != count:
            regular = False
        offsets += batch.base_offset
        if batch.append_time_ms is not None:
            times[:] = batch.append_time_ms
        else:
            times += batch.base_timestamp_ms
        self._filled += count
        if regular:
            self._written += size
        if count:
            self._parts.append(
                _Part(batch, first, self._filled, start, self._written, regular, headed)
            )

    def chunks(self, next_offset: int) -> list[RawRecords]:
        """Neighbours that are regular alike, as one item each."""
        found: list[RawRecords] = []
        rest = deque(self._parts)
        while rest:
            run = [rest.popleft()]
            while rest and rest[0].regular == run[0].regular:
                run.append(rest.popleft())
            end = rest[0].batch.base_offset if rest else next_offset
            found.append(self._chunk(run, end))
        return found or [self._chunk([], next_offset)]

    def _chunk(self, run: "list[_Part]", next_offset: int) -> RawRecords:
        rows = slice(run[0].first, run[-1].end) if run else slice(0, 0)
        text = slice(run[0].start, run[-1].stop) if run else slice(0, 0)
        return RawRecords(
            where=self._fetched.where,
            offsets=self._offsets[rows],
            timestamps_ms=self._times[rows],
            ndjson=self._joined[text],
            regular=all(part.regular for part in run),
            next_offset=next_offset,
            _places=self._places[rows],
            _batches=tuple((part.first - rows.start, part.batch) for part in run),
            _has_headers=any(part.headed for part in run),
        )


class _Part(NamedTuple):
    """Rows `first` to `end` and bytes `start` to `stop` are those of `batch`."""

    batch: Batch
    first: int
    end: int
    start: int
    stop: int
    regular: bool
    headed: bool


def _committed(batches: list[Batch], aborted: Sequence[Aborted]) -> list[Batch]:
    """The batches without control batches and those of aborted transactions.

    A transaction is aborted from its first offset to its producer's abort marker.
    """
    upcoming = deque(sorted(aborted, key=lambda each: each.first_offset))
    open_producers: set[int] = set()
    visible = []
    for batch in batches:
        while upcoming and upcoming[0].first_offset <= batch.base_offset:
            open_producers.add(upcoming.popleft().producer_id)
        if batch.is_control:
            if _control_type(batch) == _ABORT_MARKER:
                open_producers.discard(batch.producer_id)
        elif not (batch.is_transactional and batch.producer_id in open_producers):
            visible.append(batch)
    return visible


def _control_type(batch: Batch) -> int:
    key, _, _ = read_record(batch.records, 0)
    if key is None or len(key) < 4:
        raise ValueError("a control record has no type")
    return int.from_bytes(key[2:4], "big")  # version int16, type int16
