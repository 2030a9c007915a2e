"""PostgreSQL's binary COPY: rows with large blobs, without writing them as text.

The format is that of the manual's page on COPY, "Binary Format".
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["bigint", "integer", "text", "bytea"]

_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
_TRAILER = struct.pack("!h", -1)
_FIELDS = struct.Struct("!h")
_LENGTH = struct.Struct("!i")

_ENCODERS: Mapping[Kind, Callable[[Any], bytes]] = {
    "bigint": struct.Struct("!q").pack,
    "integer": struct.Struct("!i").pack,
    "text": str.encode,
    "bytea": bytes,
}


@dataclass(frozen=True)
class Target:
    """Columns of a table that rows are inserted into, the blob last."""

    table: str
    columns: Mapping[str, Kind]


def encode_rows(kinds: Sequence[Kind], rows: Sequence[Sequence[Any]]) -> bytes:
    """Rows of values of these kinds, none of them null, as COPY reads them."""
    return b"".join((_SIGNATURE, *_parts(kinds, rows), _TRAILER))


def decode_blobs(copied: bytes) -> list[bytes]:
    """The blobs of rows that have one column of them, none null, as COPY gives them."""
    position = len(_SIGNATURE)
    blobs = []
    while copied[position : position + _FIELDS.size] != _TRAILER:
        first = position + _FIELDS.size + _LENGTH.size
        (length,) = _LENGTH.unpack_from(copied, first - _LENGTH.size)
        position = first + length
        blobs.append(copied[first:position])
    return blobs


def _parts(kinds: Sequence[Kind], rows: Sequence[Sequence[Any]]) -> Iterator[bytes]:
    encoders = [_ENCODERS[kind] for kind in kinds]
    for row in rows:
        yield _FIELDS.pack(len(encoders))
        for encode, value in zip(encoders, row, strict=True):
            field = encode(value)
            yield _LENGTH.pack(len(field))
            yield field
