"""Kernels that sort in place, without the memory that numpy's would take."""

from streaming.windows.layout import Long, Short

# M. Ciura, Best increments for the average case of Shellsort (2001), grown by 2.25.
_GAPS = (
    *(887_973, 394_654, 175_402, 77_956, 34_647, 15_399, 6_844, 3_042, 1_352),
    *(601, 301, 132, 57, 23, 10, 4, 1),
)


def sort_longs(values: Long, number: int) -> None:
    """Sort the first `number` values, rising."""
    for gap in _GAPS:
        for i in range(gap, number):
            value = values[i]
            j = i
            while j >= gap and values[j - gap] > value:
                values[j] = values[j - gap]
                j -= gap
            values[j] = value


def sort_ids(values: Short, number: int) -> None:
    """Sort the first `number` ids, rising."""
    for gap in _GAPS:
        for i in range(gap, number):
            value = values[i]
            j = i
            while j >= gap and values[j - gap] > value:
                values[j] = values[j - gap]
                j -= gap
            values[j] = value
