"""The batches in fetched bytes: headers, checksums, compression, single records."""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import cramjam
import google_crc32c
import numpy as np
from numpy.typing import NDArray

from streaming.record_kernels import MALFORMED, record_fields

Bytes = NDArray[np.uint8]
Header = tuple[str, bytes | None]

_HEADER = struct.Struct(">qiibIhiqqqhii")
_BEFORE_LENGTH = 12  # base offset and the length itself
_CHECKED_FROM = 21  # the checksum covers what follows it
_MAGIC = 2
_CODEC = 0b111
_APPEND_TIME = 0b1000
_TRANSACTIONAL = 0b1_0000
_CONTROL = 0b10_0000
_GZIP, _SNAPPY, _LZ4, _ZSTD = 1, 2, 3, 4
# Java's snappy writes frames: magic, version, least version; then sized blocks.
_XERIAL = b"\x82SNAPPY\x00"
_XERIAL_HEADER = 16


@dataclass(frozen=True)
class Batch:
    """A record batch; `records` holds its records, decompressed once opened."""

    start: int
    end: int
    base_offset: int
    next_offset: int
    crc: int
    attributes: int
    base_timestamp_ms: int
    max_timestamp_ms: int
    producer_id: int
    count: int
    records: Bytes

    @property
    def is_control(self) -> bool:
        """Whether it marks the end of a transaction."""
        return bool(self.attributes & _CONTROL)

    @property
    def is_transactional(self) -> bool:
        """Whether it belongs to a transaction."""
        return bool(self.attributes & _TRANSACTIONAL)

    @property
    def append_time_ms(self) -> int | None:
        """When the broker wrote it, where that is the timestamp of its records."""
        return self.max_timestamp_ms if self.attributes & _APPEND_TIME else None


def batches_in(data: bytes) -> Iterator[Batch]:
    """The whole batches; the last one is often cut off, and left out.

    Raises:
        ValueError: a batch is of an older format, or says it has no size.
    """
    source = np.frombuffer(data, np.uint8)
    start = 0
    while start + _HEADER.size <= len(data):
        base, length, _, magic, crc, *fields = _HEADER.unpack_from(data, start)
        attributes, last_delta, first_time, max_time, producer, _, _, count = fields
        end = start + _BEFORE_LENGTH + length
        if magic != _MAGIC:
            raise ValueError(f"a batch of format {magic}; only {_MAGIC} is read")
        if length < _HEADER.size - _BEFORE_LENGTH or count < 0:
            raise ValueError("a batch has no size")
        if end > len(data):
            return
        yield Batch(
            start=start,
            end=end,
            base_offset=base,
            next_offset=base + last_delta + 1,
            crc=crc,
            attributes=attributes,
            base_timestamp_ms=first_time,
            max_timestamp_ms=max_time,
            producer_id=producer,
            count=count,
            records=source[start + _HEADER.size : end],
        )
        start = end


def check_crc(data: bytes, batch: Batch) -> None:
    """See that the bytes of the batch are those that were sent (CRC-32C).

    Raises:
        ValueError: they are not.
    """
    checked = np.frombuffer(data, np.uint8)[batch.start + _CHECKED_FROM : batch.end]
    if google_crc32c.value(checked) != batch.crc:
        raise ValueError("the checksum is wrong")


class Decompressor:
    """Opens batches up to a size, so that a few bytes cannot fill the memory."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._scratch: Bytes | None = None

    def open(self, data: bytes, batch: Batch) -> Batch:
        """The batch with its records decompressed.

        Raises:
            ValueError: unknown codec, damaged bytes, or more than the size allows.
        """
        codec = batch.attributes & _CODEC
        if not codec:
            if batch.count > len(batch.records):
                raise ValueError("a batch says it has more records than bytes")
            return batch
        packed = data[batch.start + _HEADER.size : batch.end]
        records = (
            self._snappy(packed) if codec == _SNAPPY else self._into(codec, packed)
        )
        if batch.count > len(records):
            raise ValueError("a batch says it has more records than bytes")
        return replace(batch, records=records)

    def _into(self, codec: int, packed: bytes) -> Bytes:
        decompressors: dict[int, Callable[[bytes, Any], int]] = {
            _GZIP: cramjam.gzip.decompress_into,
            _LZ4: cramjam.lz4.decompress_into,
            _ZSTD: cramjam.zstd.decompress_into,
        }
        if codec not in decompressors:
            raise ValueError(f"unknown compression {codec}")
        if self._scratch is None:
            self._scratch = np.empty(self._max_bytes, np.uint8)
        try:
            size = decompressors[codec](packed, self._scratch)
        except cramjam.DecompressionError as error:
            raise ValueError(
                f"a batch is damaged or larger than {self._max_bytes} bytes ({error})"
            ) from error
        return _frozen(self._scratch[:size].copy())

    def _snappy(self, packed: bytes) -> Bytes:
        blocks = list(_snappy_blocks(packed))
        try:
            sizes = [cramjam.snappy.decompress_raw_len(block) for block in blocks]
            if sum(sizes) > self._max_bytes:
                raise ValueError(f"a batch is larger than {self._max_bytes} bytes")
            opened = [bytes(cramjam.snappy.decompress_raw(block)) for block in blocks]
        except cramjam.DecompressionError as error:
            raise ValueError(f"a batch is damaged ({error})") from error
        return np.frombuffer(b"".join(opened), np.uint8)


def read_record(
    records: Bytes, place: int
) -> tuple[bytes | None, bytes | None, tuple[Header, ...]]:
    """Key, value and headers of the record at `place` of a batch's records.

    Raises:
        ValueError: it does not follow the record format.
    """
    fields = np.empty(7, np.int64)
    end = record_fields(_frozen(records), place, len(records), fields)
    if end == MALFORMED:
        raise ValueError("a record does not follow the record format")
    key, value = (_field(records, fields[at], fields[at + 1]) for at in (2, 4))
    return key, value, _headers(records[fields[6] : end].tobytes())


def read_headers(records: Bytes, place: int) -> tuple[Header, ...]:
    """The headers alone of the record at `place`.

    Raises:
        ValueError: it does not follow the record format.
    """
    fields = np.empty(7, np.int64)
    end = record_fields(_frozen(records), place, len(records), fields)
    if end == MALFORMED:
        raise ValueError("a record does not follow the record format")
    return _headers(records[fields[6] : end].tobytes())


def _field(records: Bytes, start: int, size: int) -> bytes | None:
    return None if size < 0 else records[start : start + size].tobytes()


@lru_cache(maxsize=256)  # records that were sent together often have the same
def _headers(text: bytes) -> tuple[Header, ...]:
    count, at = _varint(text, 0)
    if not 0 <= count <= len(text):
        raise ValueError("a record's headers have no number")
    found = []
    for _ in range(count):
        size, at = _varint(text, at)
        name, at = text[at : at + size], at + size
        size, at = _varint(text, at)
        value = None if size < 0 else text[at : at + size]
        at += max(size, 0)
        if at > len(text):
            raise ValueError("a record's headers are cut off")
        found.append((name.decode(errors="replace"), value))
    return tuple(found)


def _varint(text: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(text):
        byte = text[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 128:
            return (value >> 1) ^ -(value & 1), at
        shift += 7
    raise ValueError("a record's headers are cut off")


def _snappy_blocks(packed: bytes) -> Iterator[bytes]:
    if not packed.startswith(_XERIAL):
        yield packed
        return
    at = _XERIAL_HEADER
    while at + 4 <= len(packed):
        size = int.from_bytes(packed[at : at + 4], "big")
        yield packed[at + 4 : at + 4 + size]
        at += 4 + size


def _frozen(values: Bytes) -> Bytes:
    """Read-only, so that the kernels are compiled for one kind of array."""
    values.flags.writeable = False
    return values
