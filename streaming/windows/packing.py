"""Whole numbers in few bytes: a column is its least value and what each adds to it.

Format, little endian: 4 bytes number of rows, then for each column 8 bytes least value,
1 byte width (0, 1, 2, 4 or 8) and the rows' additions, unsigned, of that width.
"""

import struct

import numpy as np
from numpy.typing import NDArray

Longs = NDArray[np.int64]

_ROWS = struct.Struct("<I")
_COLUMN = struct.Struct("<qB")
_WIDTHS = (0, 1, 2, 4, 8)


def pack(table: Longs) -> bytes:
    """A table (n x c) of whole numbers."""
    parts = [_ROWS.pack(table.shape[0])]
    for column in table.T:
        least = int(column.min()) if column.size else 0
        # Without a sign, the difference of any two numbers of 64 bits has 64 bits.
        added = column.astype(np.uint64) - np.uint64(least % 2**64)
        width = _width_of(int(added.max(initial=0)))
        parts.append(_COLUMN.pack(least, width))
        if width:
            parts.append(added.astype(f"<u{width}").tobytes())
    return b"".join(parts)


def unpack(body: bytes, columns: int) -> Longs:
    """The table (n x c).

    Raises:
        ValueError: these are no such bytes.
    """
    try:
        (rows,) = _ROWS.unpack_from(body)
        place = _ROWS.size
        table = np.empty((rows, columns), np.int64)
        for number in range(columns):
            least, width = _COLUMN.unpack_from(body, place)
            place += _COLUMN.size
            if width not in _WIDTHS:
                raise ValueError(f"has a column of width {width}")
            added = np.zeros(rows, np.uint64)
            if width:
                added[:] = np.frombuffer(body, f"<u{width}", rows, place)
            table[:, number] = (added + np.uint64(least % 2**64)).astype(np.int64)
            place += rows * width
    except struct.error as error:
        raise ValueError("ends too early") from error
    if place != len(body):
        raise ValueError(f"has {len(body)} bytes instead of {place}")
    return table


def _width_of(greatest: int) -> int:
    return next(width for width in _WIDTHS if greatest < 1 << (8 * width))
