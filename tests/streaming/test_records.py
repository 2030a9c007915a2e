"""Fetched bytes to columns, against aiokafka's own encoder and decoder."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import google_crc32c
import pytest
from aiokafka.record.default_records import (
    DefaultRecordBatch,
    DefaultRecordBatchBuilder,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming.record_kernels import join_values
from streaming.records import (
    Aborted,
    CorruptRecords,
    Fetched,
    RawRecords,
    Record,
    RecordReader,
    TopicPartition,
)

TRACE = f"00-{'a' * 32}-{'b' * 16}-01"
WHERE = TopicPartition("topic", 3)
LONGEST = 40
TRANSACTIONAL, CONTROL, APPEND_TIME = 0x10, 0x20, 0x08

Headers = tuple[tuple[str, bytes | None], ...]
Written = tuple[int, bytes | None, bytes | None, Headers]


@dataclass(frozen=True)
class Sent:
    """A batch as a broker stores it."""

    records: tuple[Written, ...]
    base: int = 0
    codec: int = 0
    producer: int = -1
    attributes: int = 0
    spare_offsets: int = 0

    @property
    def end(self) -> int:
        return self.base + max(len(self.records), 1) + self.spare_offsets

    def bytes(self) -> bytes:
        builder = DefaultRecordBatchBuilder(
            2, self.codec, 0, self.producer, 0, 0, 1 << 30
        )
        for delta, (timestamp, key, value, headers) in enumerate(self.records):
            builder.append(delta, timestamp, key, value, list(headers))
        built = bytearray(builder.build())
        struct.pack_into(">q", built, 0, self.base)
        attributes = struct.unpack_from(">h", built, 21)[0] | self.attributes
        struct.pack_into(">hi", built, 21, attributes, self.end - self.base - 1)
        return signed(built)


def signed(batch: bytearray) -> bytes:
    """The batch with the checksum of what it holds."""
    struct.pack_into(">I", batch, 17, google_crc32c.value(bytes(batch[21:])))
    return bytes(batch)


def values(*texts: bytes | None, base: int = 0, **options: int) -> Sent:
    records = tuple((1_000 + n, b"key", text, ()) for n, text in enumerate(texts))
    return Sent(records, base, **options)


def marker(base: int, producer: int, *, aborts: bool) -> Sent:
    """The control batch that ends a transaction."""
    key = struct.pack(">hh", 0, 0 if aborts else 1)
    flags = TRANSACTIONAL | CONTROL
    return Sent(((0, key, b"\0" * 6, ()),), base, producer=producer, attributes=flags)


def read(
    *batches: Sent,
    position: int = 0,
    aborted: Sequence[Aborted] = (),
    cut: int | None = None,
) -> list[RawRecords]:
    data = b"".join(batch.bytes() for batch in batches)[:cut]
    reader = RecordReader(max_value_bytes=LONGEST, max_batch_bytes=1 << 20)
    return reader.read(Fetched(WHERE, position, data, aborted))


def test_a_trace_is_read_where_a_record_has_one() -> None:
    traced = (("other", b"\xff"), ("traceparent", TRACE.encode()))
    odd = (("traceparent", b"t"),)
    records = tuple(
        (1_000 + n, b"key", b"{}", found) for n, found in enumerate([(), traced, odd])
    )
    (found,) = read(Sent(records, 0), values(b"[]", base=3))
    assert [found.trace(n) for n in range(4)] == [None, TRACE, None, None]
    (found,) = read(values(b"{}"))
    assert found.trace(0) is None


def all_records(chunks: list[RawRecords]) -> list[Record]:
    return [record for chunk in chunks for record in chunk.records()]


names = st.text(st.characters(codec="utf-8"), max_size=5)
headers = st.lists(st.tuples(names, st.none() | st.binary(max_size=6)), max_size=3)
odd_values = st.sampled_from([None, b"", b" ", b"\n", b"{}\n", b"x" * (LONGEST + 1)])
plain = st.integers(-(10**9), 10**9).map(lambda n: b'{"n":%d}' % n)
one_record = st.tuples(
    st.integers(0, 2**41),
    st.none() | st.binary(max_size=300),
    plain | odd_values,
    headers.map(tuple),
)
one_batch = st.tuples(
    st.lists(one_record, min_size=1, max_size=6),
    st.integers(0, 4),
    st.integers(0, 3),
    st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(one_batch, max_size=6), st.data())
def test_any_batches_read_as_aiokafka_reads_them(
    drawn: list[tuple[list[Written], int, int, bool]], data: st.DataObject
) -> None:
    batches, base = [], 0
    for records, codec, spare, append_time in drawn:
        flags = APPEND_TIME if append_time else 0
        batch = Sent(tuple(records), base, codec, attributes=flags, spare_offsets=spare)
        batches.append(batch)
        base = batch.end
    position = data.draw(st.integers(0, base), label="position")
    chunks = read(*batches, position=position)
    expected = [
        (r.offset, r.timestamp, r.key, r.value, tuple(r.headers))
        for batch in batches
        for r in DefaultRecordBatch(batch.bytes())
        if r.offset >= position
    ]
    found = [
        (r.offset, r.timestamp_ms, r.key, r.value, r.headers)
        for r in all_records(chunks)
    ]
    assert found == expected
    assert chunks[-1].next_offset == base
    for chunk in chunks:
        assert chunk.offsets.tolist() == [r.offset for r in chunk.records()]
        lines = [r.value or b"" for r in chunk.records()]
        if chunk.regular:
            assert bytes(chunk.ndjson) == b"".join(line + b"\n" for line in lines)
        else:
            assert len(chunk.ndjson) == 0


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 300), st.integers(0, 255))
def test_damaged_bytes_are_refused_and_never_read_past_the_end(
    noise: bytes, place: int, byte: int
) -> None:
    batch = bytearray(values(b'{"n":1}', b'{"n":22}', b"{}").bytes())
    batch[61 + place % (len(batch) - 61)] = byte
    reader = RecordReader(max_value_bytes=LONGEST, max_batch_bytes=1 << 20)
    for data in (noise, signed(batch)):
        try:
            chunks = reader.read(Fetched(WHERE, 0, data))
            list(all_records(chunks))
        except CorruptRecords:
            continue


def test_neighbouring_batches_are_joined_and_odd_ones_stand_alone() -> None:
    chunks = read(
        values(b"1", b"2"),
        values(b"3", base=2),
        values(b"4", b"", base=3),
        values(None, base=5),
        values(b"5", base=6),
    )
    assert [(chunk.regular, len(chunk)) for chunk in chunks] == [
        (True, 3),
        (False, 3),
        (True, 1),
    ]
    assert [chunk.next_offset for chunk in chunks] == [3, 6, 7]
    assert bytes(chunks[0].ndjson) == b"1\n2\n3\n"


@pytest.mark.parametrize("odd", [None, b"", b" ", b"\t", b"1\n", b"x" * (LONGEST + 1)])
def test_a_value_that_is_no_line_of_its_own_is_odd(odd: bytes | None) -> None:
    (chunk,) = read(values(b"{}", odd))
    assert not chunk.regular
    assert [record.value for record in chunk.records()] == [b"{}", odd]


def test_a_batch_that_was_cut_off_is_left_for_the_next_fetch() -> None:
    first, second = values(b"1"), values(b"2", base=1)
    whole = len(first.bytes()) + len(second.bytes())
    for cut in range(len(first.bytes()), whole):
        (chunk,) = read(first, second, cut=cut)
        assert (len(chunk), chunk.next_offset) == (1, 1)


def test_nothing_is_one_empty_item() -> None:
    (chunk,) = read(position=17)
    assert (len(chunk), chunk.next_offset, chunk.regular) == (0, 17, True)


def test_only_the_aborted_producers_records_are_hidden_until_its_marker() -> None:
    flags = TRANSACTIONAL
    chunks = read(
        values(b"1", base=0, producer=7, attributes=flags),  # aborted
        values(b"2", base=1, producer=8, attributes=flags),  # another producer
        values(b"3", base=2),  # no transaction
        values(b"4", base=3, producer=7),  # idempotent only
        values(b"5", base=4, producer=7, attributes=flags),  # aborted
        marker(5, 7, aborts=True),
        values(b"6", base=6, producer=7, attributes=flags),  # the next transaction
        marker(7, 7, aborts=False),
        marker(8, 8, aborts=False),
        aborted=[Aborted(7, 0)],
    )
    assert [record.value for record in all_records(chunks)] == [b"2", b"3", b"4", b"6"]
    assert chunks[-1].next_offset == 9


def test_a_fetch_may_begin_in_an_aborted_transaction() -> None:
    chunks = read(
        values(b"1", base=5, producer=7, attributes=TRANSACTIONAL),
        marker(6, 7, aborts=True),
        position=5,
        aborted=[Aborted(7, 2)],
    )
    assert [(len(chunk), chunk.next_offset) for chunk in chunks] == [(0, 7)]


def test_a_wrong_checksum_names_the_place() -> None:
    good, bad = values(b"1"), bytearray(values(b"2", base=1).bytes())
    bad[-1] ^= 1
    reader = RecordReader(max_value_bytes=LONGEST, max_batch_bytes=1 << 20)
    place = "topic, partition 3, from offset 1: .*checksum"
    with pytest.raises(CorruptRecords, match=place) as error:
        reader.read(Fetched(WHERE, 0, good.bytes() + bytes(bad)))
    assert (error.value.where, error.value.offset) == (WHERE, 1)


def test_an_older_format_is_refused() -> None:
    batch = bytearray(values(b"1").bytes())
    batch[16] = 1
    reader = RecordReader(max_value_bytes=LONGEST, max_batch_bytes=1 << 20)
    with pytest.raises(CorruptRecords, match="format 1"):
        reader.read(Fetched(WHERE, 0, bytes(batch)))


@pytest.mark.parametrize("codec", [1, 2, 3, 4])
def test_a_small_batch_cannot_fill_the_memory(codec: int) -> None:
    batch = values(b"x" * 2_000_000, codec=codec)
    assert len(batch.bytes()) < 200_000
    with pytest.raises(CorruptRecords, match="larger than 1048576 bytes"):
        read(batch)


def test_the_kernel_is_compiled_for_one_kind_of_array() -> None:
    for codec in range(5):
        read(values(b"1", b"2", codec=codec))
    assert len(join_values.signatures) == 1
