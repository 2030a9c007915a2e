"""Columns become floats; categories are ordered by their outcome."""

import numpy as np
import pyarrow as pa
import pytest

from analytics_platform.core.training.encoding import encode, ordered_categories
from analytics_platform.errors import InvalidUsage


def test_categories_are_ordered_by_mean_outcome_drawn_to_the_overall_mean() -> None:
    # Overall mean 4.5. a: 400 rows at 0, b: 400 rows at 9; one row at 100 moves c only
    # to (100 + 100 * 4.5..) / 101, about 5.4, so it stays below b: (3600 + 460) / 500.
    column = pa.chunked_array([["a", "b"] * 400 + ["c"]])
    target = np.array([0.0, 9.0] * 400 + [100.0])
    assert ordered_categories(column, target) == ("a", "c", "b")


def test_equal_means_are_ordered_by_name_and_null_is_no_category() -> None:
    column = pa.chunked_array([["z", "y", None, "x"]])
    assert ordered_categories(column, np.ones(4)) == ("x", "y", "z")


def test_numbers_booleans_and_categories_side_by_side() -> None:
    table = pa.table(
        {
            "n": pa.array([1, None], pa.int64()),
            "b": pa.array([True, False]),
            "c": pa.array(["y", "unknown"]),
        }
    )
    matrix = encode(table, ("n", "b", "c", "absent"), {"c": ("x", "y")})
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(
        matrix, [[1, 1, 1, np.nan], [np.nan, 0, np.nan, np.nan]]
    )


def test_an_instant_is_no_input() -> None:
    table = pa.table({"t": pa.array([0], pa.timestamp("us"))})
    with pytest.raises(InvalidUsage, match="'t' is timestamp"):
        encode(table, ("t",), {})
