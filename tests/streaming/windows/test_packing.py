"""Packed whole numbers come back as they were, and take little room."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from streaming.windows.packing import pack, unpack

LONGS = st.integers(-(2**63), 2**63 - 1)
SHAPES = st.tuples(st.integers(0, 20), st.integers(1, 4))


@given(arrays(np.int64, SHAPES, elements=LONGS | st.integers(-300, 300)))
def test_what_was_packed_comes_back(table: NDArray[np.int64]) -> None:
    assert (unpack(pack(table), table.shape[1]) == table).all()


@pytest.mark.parametrize(
    ("spread", "width"),
    [(0, 0), (1, 1), (255, 1), (256, 2), (65_536, 4), (2**32, 8), (2**64 - 1, 8)],
)
def test_a_column_takes_the_bytes_of_its_spread(spread: int, width: int) -> None:
    least = -(2**63)
    table = np.array([[least], [least + spread]], np.int64)
    assert len(pack(table)) == 4 + 9 + 2 * width
    assert (unpack(pack(table), 1) == table).all()


@pytest.mark.parametrize("cut", [0, 3, 4, 12, 13, 15])
def test_bytes_that_end_too_early_are_refused(cut: int) -> None:
    whole = pack(np.array([[1], [2], [900]], np.int64))
    with pytest.raises(ValueError, match=r"ends too early|buffer"):
        unpack(whole[:cut], 1)


def test_other_bytes_are_refused() -> None:
    with pytest.raises(ValueError, match="instead of"):
        unpack(pack(np.array([[1]], np.int64)) + b"\x00", 1)
    with pytest.raises(ValueError, match="width 3"):
        unpack(struct.pack("<IqB", 0, 0, 3), 1)
