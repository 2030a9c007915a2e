"""Arrow columns as numpy arrays and back, without what pyarrow's own ways cost.

Those import pandas when it is installed: 80 MB and a second of a process's life.
"""

from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

Mask = NDArray[np.bool_]
_Number = TypeVar("_Number", np.int32, np.int64, np.float64, np.int8)


def valid(column: "pa.ChunkedArray | pa.Array") -> Mask:
    """Which values are not null (n)."""
    import pyarrow.compute as pc

    return _bits(_whole(pc.is_valid(column)))


def booleans(column: "pa.ChunkedArray | pa.Array") -> Mask:
    """Booleans (n), false for null."""
    whole = _whole(column)
    return _bits(whole) & valid(whole)


def numbers(
    column: "pa.ChunkedArray | pa.Array", dtype: type[_Number]
) -> NDArray[_Number]:
    """Numbers of a type that Arrow and numpy store alike (n), 0 for null."""
    whole = _whole(column)
    stored = whole.buffers()[1]
    if not len(whole) or stored is None:
        return np.zeros(len(whole), dtype)
    data = np.frombuffer(stored, dtype, count=whole.offset + len(whole))
    return np.where(valid(whole), data[whole.offset :], dtype(0))


def mask(chosen: Mask) -> "pa.BooleanArray":
    """Booleans (n) for Arrow."""
    import pyarrow as pa

    packed = pa.py_buffer(np.packbits(chosen, bitorder="little").tobytes())
    return pa.BooleanArray.from_buffers(pa.bool_(), chosen.size, [None, packed])


def give_back_memory() -> None:
    """Return what Arrow has freed to the operating system, not to its own pool."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()


def _whole(column: "pa.ChunkedArray | pa.Array") -> "pa.Array":
    import pyarrow as pa

    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _bits(whole: "pa.Array") -> Mask:
    stored = whole.buffers()[1]
    if not len(whole) or stored is None:
        return np.zeros(len(whole), np.bool_)
    bits = np.unpackbits(np.frombuffer(stored, np.uint8), bitorder="little")
    return bits[whole.offset : whole.offset + len(whole)].astype(np.bool_)
