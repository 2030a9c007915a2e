"""Days and weeks on the platform's clock."""

from datetime import UTC, date, datetime, timedelta

from analytics_platform.contracts.domain import Partitions
from analytics_platform.core.calendar import (
    begun_keys,
    increment_keys,
    iso_week,
    local_day,
)

YEAR = Partitions(grain="month", start=date(2013, 1, 1), end=date(2014, 1, 1))


def test_midnight_in_london_is_still_the_day_before_in_new_york() -> None:
    midnight = datetime(2013, 11, 1, 0, 30, tzinfo=UTC)
    assert local_day(midnight, "America/New_York") == date(2013, 10, 31)


def test_a_month_begins_when_its_first_day_is_over() -> None:
    october, november = "2013-10-01", "2013-11-01"
    assert begun_keys(YEAR, date(2013, 11, 1))[-1] == october
    assert begun_keys(YEAR, date(2013, 11, 2))[-1] == november
    assert begun_keys(YEAR, date(2013, 1, 1)) == []
    assert len(begun_keys(YEAR, date(2020, 1, 1))) == 12


def test_what_an_increment_loads_has_begun() -> None:
    since = date(2012, 12, 31)
    for day in range(1, 400):
        today = since + timedelta(days=day)
        assert increment_keys(YEAR, since=since, today=today) == begun_keys(YEAR, today)


def test_a_day_is_loaded_once() -> None:
    today = date(2013, 11, 5)
    assert increment_keys(YEAR, since=today, today=today) == []


def test_a_day_in_the_month_loads_the_open_month() -> None:
    keys = increment_keys(YEAR, since=date(2013, 11, 4), today=date(2013, 11, 5))
    assert keys == ["2013-11-01"]


def test_the_first_of_a_month_completes_the_one_that_closed() -> None:
    keys = increment_keys(YEAR, since=date(2013, 11, 30), today=date(2013, 12, 1))
    assert keys == ["2013-11-01"]


def test_the_second_of_a_month_opens_it_and_takes_in_what_came_after_midnight() -> None:
    keys = increment_keys(YEAR, since=date(2013, 12, 1), today=date(2013, 12, 2))
    assert keys == ["2013-11-01", "2013-12-01"]


def test_after_a_pause_every_partition_since_is_loaded() -> None:
    keys = increment_keys(YEAR, since=date(2013, 9, 30), today=date(2013, 11, 2))
    assert keys == ["2013-09-01", "2013-10-01", "2013-11-01"]


def test_after_the_end_of_the_domain_there_is_nothing_to_load() -> None:
    last = increment_keys(YEAR, since=date(2013, 12, 31), today=date(2014, 1, 1))
    later = increment_keys(YEAR, since=date(2014, 1, 2), today=date(2014, 1, 3))
    assert (last, later) == (["2013-12-01"], [])


def test_the_last_days_of_december_may_belong_to_the_next_years_first_week() -> None:
    assert iso_week(date(2013, 12, 29)) == "2013-W52"
    assert iso_week(date(2013, 12, 30)) == "2014-W01"
