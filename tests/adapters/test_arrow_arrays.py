"""Arrow columns as numpy arrays: what pyarrow gives itself, but without pandas."""

import subprocess
import sys
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from analytics_platform.adapters.arrow_arrays import booleans, mask, numbers, valid

NUMBERS = [3, None, -7, 0, 2**40, None, 11, 5, 8, 1]
COLUMNS = [
    pa.array(NUMBERS),
    pa.array(NUMBERS).slice(3, 6),
    pa.chunked_array([NUMBERS[:4], NUMBERS[4:]]),
    pa.array([], pa.int64()),
    pa.chunked_array([], pa.int64()),
    pa.array([None, None], pa.int64()),
]


@pytest.mark.parametrize("column", COLUMNS)
def test_numbers_are_those_of_the_column_and_null_is_zero(column: Any) -> None:
    items = column.to_pylist()
    assert numbers(column, np.int64).tolist() == [item or 0 for item in items]
    assert valid(column).tolist() == [item is not None for item in items]
    floats = numbers(column.cast(pa.float64()), np.float64)
    assert floats.tolist() == [float(item or 0) for item in items]


@pytest.mark.parametrize("start", [0, 1, 7, 8, 9])
def test_booleans_are_read_from_any_place(start: int) -> None:
    items = [True, None, False] * 7
    column = pa.array(items).slice(start)
    assert booleans(column).tolist() == [item or False for item in items[start:]]
    assert valid(column).tolist() == [item is not None for item in items[start:]]


@pytest.mark.parametrize("size", [0, 1, 8, 9, 100])
def test_a_mask_chooses_rows(size: int) -> None:
    chosen = np.arange(size) % 3 == 1
    table = pa.table({"n": list(range(size))})
    assert table.filter(mask(chosen))["n"].to_pylist() == list(range(1, size, 3))


def test_pandas_is_not_imported() -> None:
    code = (
        "import sys, numpy, pyarrow as pa\n"
        "from analytics_platform.adapters import arrow_arrays as arrays\n"
        "make = pa.Int64Array.from_buffers\n"
        "column = make(pa.int64(), 2, [None, pa.py_buffer(bytes(16))])\n"
        "arrays.numbers(column, numpy.int64), arrays.valid(column)\n"
        "arrays.mask(numpy.ones(2, bool)), arrays.give_back_memory()\n"
        "assert 'pandas' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
