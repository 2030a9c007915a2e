"""History is cut by time, and every row has one use."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.core.training.split import split_by_time
from analytics_platform.errors import InvalidData


def test_ten_days_with_a_holdout_of_four() -> None:
    # day        0 1 2 3 | 4 5 | 6 7 8 9
    #              train | val | holdout = the last four days, up to day 9
    days = np.datetime64("2020-01-01") + np.arange(10) * np.timedelta64(1, "D")
    split = split_by_time(days.astype("datetime64[us]"), timedelta(days=4))
    assert np.flatnonzero(split.train).tolist() == [0, 1, 2, 3]
    assert np.flatnonzero(split.validation).tolist() == [4, 5]
    assert np.flatnonzero(split.holdout).tolist() == [6, 7, 8, 9]
    assert split.holdout_from == datetime(2020, 1, 6, tzinfo=UTC)
    assert split.holdout_to == datetime(2020, 1, 10, tzinfo=UTC)


@given(
    st.lists(st.integers(0, 10_000), min_size=1, max_size=60),
    st.integers(1, 5_000),
)
def test_parts_are_disjoint_complete_and_in_order(
    minutes: list[int], holdout: int
) -> None:
    cutoffs = np.datetime64("2020-01-01", "us") + np.array(minutes) * np.timedelta64(
        1, "m"
    )
    try:
        split = split_by_time(cutoffs, timedelta(minutes=holdout))
    except InvalidData:
        return
    parts = [split.train, split.validation, split.holdout]
    assert (np.sum(parts, axis=0) == 1).all()
    latest = [cutoffs[part].max() for part in parts[:2]]
    earliest = [cutoffs[part].min() for part in parts[1:]]
    assert all(a < b for a, b in zip(latest, earliest, strict=True))


@pytest.mark.parametrize("rows", [0, 1])
def test_too_few_rows_are_a_clear_error(rows: int) -> None:
    cutoffs = np.array(["2020-01-01"] * rows, dtype="datetime64[us]")
    with pytest.raises(InvalidData):
        split_by_time(cutoffs, timedelta(days=1))
