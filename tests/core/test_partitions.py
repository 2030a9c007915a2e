"""Partition keys against a calendar worked by hand and against Dagster's own."""

from datetime import date

import pytest

from analytics_platform.contracts.domain import Partitions
from analytics_platform.core import partitions
from analytics_platform.defs.partitions import partitions_definition
from analytics_platform.errors import InvalidUsage

YEAR = Partitions(grain="month", start=date(2013, 1, 1), end=date(2014, 1, 1))


@pytest.mark.parametrize("grain", ["day", "week", "month"])
@pytest.mark.parametrize(
    ("start", "end"),
    [
        (date(2012, 1, 1), date(2013, 1, 1)),
        (date(2012, 1, 4), date(2012, 12, 20)),  # a Wednesday to a Thursday
    ],
)
def test_keys_are_those_of_dagster(grain: str, start: date, end: date) -> None:
    declared = Partitions.model_validate({"grain": grain, "start": start, "end": end})
    theirs = partitions_definition(declared).get_partition_keys()
    assert partitions.keys(declared) == list(theirs)
    assert theirs[0] <= start.isoformat()


def test_keys_before_a_day_leave_out_what_starts_on_it() -> None:
    assert partitions.keys(YEAR, before=date(2013, 3, 1)) == [
        "2013-01-01",
        "2013-02-01",
    ]


def test_a_month_prefix_names_its_partition() -> None:
    assert partitions.select(YEAR, "2013-11", "2013-12") == ["2013-11-01", "2013-12-01"]


def test_a_month_at_the_end_of_a_daily_range_means_its_last_day() -> None:
    daily = YEAR.model_copy(update={"grain": "day"})
    chosen = partitions.select(daily, "2013-02", "2013-02")
    assert (chosen[0], chosen[-1], len(chosen)) == ("2013-02-01", "2013-02-28", 28)


def test_bounds_end_before_the_next_partition() -> None:
    assert partitions.bounds(YEAR, "2013-11-01", "2013-12-01") == (
        date(2013, 11, 1),
        date(2014, 1, 1),
    )


def test_neighbours_form_one_range_and_a_gap_splits_it() -> None:
    every = partitions.keys(YEAR)
    good = [key for key in every if key not in ("2013-03-01", "2013-09-01")]
    assert partitions.contiguous(good, every) == [
        ("2013-01-01", "2013-02-01"),
        ("2013-04-01", "2013-08-01"),
        ("2013-10-01", "2013-12-01"),
    ]


@pytest.mark.parametrize("bad", ["march", "2013-13", "2013-02-30"])
def test_a_bound_that_is_no_date_is_refused(bad: str) -> None:
    with pytest.raises(InvalidUsage, match="no date"):
        partitions.select(YEAR, bad, None)


def test_a_range_outside_the_domain_is_refused() -> None:
    with pytest.raises(InvalidUsage, match="2013-01-01 to 2013-12-01"):
        partitions.select(YEAR, "2015-01", None)
