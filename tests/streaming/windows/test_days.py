"""Days of a time zone: worked dates on which the clocks were changed."""

from datetime import UTC, datetime

import numpy as np
import pytest

from streaming.windows.days import CalendarDays

HOUR = 3_600_000


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("zone", "instant", "start", "end"),
    [
        # 23 hours: New York goes forward at 02:00 on 2013-03-10.
        (
            "America/New_York",
            "2013-03-10T12:00",
            "2013-03-10T05:00",
            "2013-03-11T04:00",
        ),
        # 25 hours: and back on 2013-11-03.
        (
            "America/New_York",
            "2013-11-03T12:00",
            "2013-11-03T04:00",
            "2013-11-04T05:00",
        ),
        # Beirut goes forward at midnight: 2013-03-31 begins at 01:00.
        ("Asia/Beirut", "2013-03-31T12:00", "2013-03-30T22:00", "2013-03-31T21:00"),
        # Sao Paulo went back at midnight: 2013-02-16 had 25 hours, 23 to 24 twice.
        (
            "America/Sao_Paulo",
            "2013-02-17T02:30",
            "2013-02-16T02:00",
            "2013-02-17T03:00",
        ),
        # Samoa had no 2011-12-30.
        ("Pacific/Apia", "2011-12-30T09:59", "2011-12-29T10:00", "2011-12-30T10:00"),
        ("Pacific/Apia", "2011-12-30T10:00", "2011-12-30T10:00", "2011-12-31T10:00"),
        ("UTC", "1969-12-31T23:59", "1969-12-31T00:00", "1970-01-01T00:00"),
    ],
)
def test_a_day_is_as_long_as_the_clocks_say(
    zone: str, instant: str, start: str, end: str
) -> None:
    _, starts, ends = CalendarDays(zone).find(np.array([ms(instant)]))
    assert (int(starts[0]), int(ends[0])) == (ms(start), ms(end))


def test_the_first_instant_belongs_to_the_later_day() -> None:
    midnight = ms("2013-06-01T04:00")
    numbers, starts, _ = CalendarDays("America/New_York").find(
        np.array([midnight - 1, midnight, midnight + 1])
    )
    assert numbers.tolist() == [numbers[0], numbers[0] + 1, numbers[0] + 1]
    assert starts[1] == midnight


@pytest.mark.parametrize(
    "zone", ["America/St_Johns", "Asia/Tehran", "Australia/Lord_Howe", "Africa/Cairo"]
)
def test_days_follow_each_other_without_gaps(zone: str) -> None:
    hours = np.arange(ms("2005-01-01T00:00"), ms("2012-01-01T00:00"), 6 * HOUR)
    numbers, starts, ends = CalendarDays(zone).find(hours)
    _, first = np.unique(numbers, return_index=True)
    assert (ends[first][:-1] == starts[first][1:]).all()
    assert (np.diff(numbers[first]) == 1).all()
    assert ((hours >= starts) & (hours < ends)).all()
