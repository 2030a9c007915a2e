"""Named columns of equal length in one blob: compact, versioned, quick to write.

Format, all little endian: the caller's 2 byte mark, 1 byte version, 1 byte 0, 4 bytes
length of the header, the header as JSON, then the buffers that it names, in its order
and without gaps. The header: `{"rows": n, "columns": [{"name", "type", "constant",
"sizes": [bytes of each buffer]}, ...]}`. Types are numpy's (`<f8`, `<i8`, `|i1`, ...)
or `text`. A column's buffers: its values (one of them if `constant`); for text the
number of characters of each value as `<i4`, then the UTF-8 of all; then, where numbers
may be missing, one bit per row, set if there is one, the first row highest.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from analytics_platform.errors import DamagedRecord

Numbers = NDArray[np.float64] | NDArray[np.int64]
Mask = NDArray[np.bool_]

_VERSION = 1
_PREFIX = struct.Struct("<2sBxI")
_TEXT = "text"
_LENGTHS = np.dtype("<i4")
_NARROW = tuple(np.dtype(name) for name in ("|i1", "<i2", "<i4"))
_TYPES = {kind.str: kind for kind in (*_NARROW, np.dtype("<i8"), np.dtype("<f8"))}


@dataclass(frozen=True, eq=False)
class Column:
    """Values, one per row; `valid` is False where there is none (None: all valid)."""

    values: Numbers
    valid: Mask | None = None


@dataclass(frozen=True, eq=False)
class Columns:
    """Columns of one length, by name."""

    rows: int
    numbers: Mapping[str, Column]
    texts: Mapping[str, Sequence[str]]


class _ColumnHeader(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str
    type: str
    constant: bool = False
    sizes: list[int]


class _Header(BaseModel):
    model_config = ConfigDict(frozen=True)

    rows: int
    columns: list[_ColumnHeader]


def encode_columns(mark: bytes, columns: Columns) -> bytes:
    """The columns as a blob that begins with the two bytes of `mark`."""
    headers: list[_ColumnHeader] = []
    buffers: list[bytes] = []
    for name, column in columns.numbers.items():
        stored, parts = _number_buffers(column)
        headers.append(
            _ColumnHeader(
                name=name,
                type=stored.dtype.str,
                constant=stored.size < column.values.size,
                sizes=[len(part) for part in parts],
            )
        )
        buffers += parts
    for name, texts in columns.texts.items():
        parts = _text_buffers(texts)
        sizes = [len(part) for part in parts]
        headers.append(_ColumnHeader(name=name, type=_TEXT, sizes=sizes))
        buffers += parts
    header = _Header(rows=columns.rows, columns=headers).model_dump_json().encode()
    return b"".join((_PREFIX.pack(mark, _VERSION, len(header)), header, *buffers))


def decode_columns(mark: bytes, body: bytes) -> Columns:
    """The columns of a blob: integers as int64, other numbers as float64.

    Raises:
        DamagedRecord: it is no such blob, or one of a version from the future.
    """
    header, position = _read_header(mark, body)
    numbers: dict[str, Column] = {}
    texts: dict[str, Sequence[str]] = {}
    for column in header.columns:
        bounds = list(accumulate(column.sizes, initial=position))
        parts = [body[first:last] for first, last in pairwise(bounds)]
        position = bounds[-1]
        if column.type == _TEXT:
            texts[column.name] = _read_texts(parts)
        else:
            numbers[column.name] = _read_numbers(column, parts, header.rows)
    if position != len(body):
        raise _damaged(f"has {len(body)} bytes instead of {position}")
    return Columns(rows=header.rows, numbers=numbers, texts=texts)


def _number_buffers(column: Column) -> tuple[NDArray[np.generic], list[bytes]]:
    stored: NDArray[np.generic] = column.values
    if stored.size > 1 and (column.values == column.values[0]).all():
        stored = stored[:1]
    stored = _narrowed(stored) if stored.dtype.kind != "f" else stored
    parts = [stored.astype(stored.dtype.newbyteorder("<"), copy=False).tobytes()]
    if column.valid is not None and not column.valid.all():
        parts.append(np.packbits(column.valid).tobytes())
    return stored, parts


def _narrowed(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """The same integers in as few bytes as hold all of them."""
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    for kind in _NARROW:
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return values.astype(kind)
    return values.astype("<i8", copy=False)


def _text_buffers(texts: Sequence[str]) -> list[bytes]:
    lengths = np.fromiter(map(len, texts), _LENGTHS, len(texts))
    return [lengths.tobytes(), "".join(texts).encode()]


def _read_header(mark: bytes, body: bytes) -> tuple[_Header, int]:
    if len(body) < _PREFIX.size:
        raise _damaged(f"has only {len(body)} bytes")
    found, version, length = _PREFIX.unpack_from(body)
    if found != mark:
        raise _damaged(f"begins with {found!r} instead of {mark!r}")
    if version != _VERSION:
        raise _damaged(f"has version {version} instead of {_VERSION}")
    end = _PREFIX.size + length
    try:
        return _Header.model_validate_json(body[_PREFIX.size : end]), end
    except ValidationError as error:
        raise _damaged("has a header that cannot be read") from error


def _read_texts(parts: Sequence[bytes]) -> list[str]:
    lengths, everything = parts
    text = everything.decode()
    ends = accumulate(np.frombuffer(lengths, _LENGTHS).tolist(), initial=0)
    return [text[first:last] for first, last in pairwise(ends)]


def _read_numbers(column: _ColumnHeader, parts: Sequence[bytes], rows: int) -> Column:
    if column.type not in _TYPES:
        raise _damaged(f"has a column of type {column.type!r}")
    stored = np.frombuffer(parts[0], _TYPES[column.type])
    stored = stored.repeat(rows) if column.constant else stored
    if stored.size != rows:
        raise _damaged(f"has {stored.size} values of {column.name} for {rows} rows")
    valid = None
    if len(parts) > 1:
        bits = np.unpackbits(np.frombuffer(parts[1], np.uint8), count=rows)
        valid = bits.astype(np.bool_)
    if stored.dtype.kind == "f":
        return Column(stored.astype(np.float64), valid)
    return Column(stored.astype(np.int64), valid)


def _damaged(what: str) -> DamagedRecord:
    return DamagedRecord(
        f"A stored blob of columns {what}.",
        hint="It was damaged, or written by a newer version of the platform.",
    )
