"""Windows that touch, that reach beyond a span, and the days of time zones."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from analytics_platform.core.event_span import EventSpan
from analytics_platform.core.window_spans import (
    Span,
    calendar_days,
    joined_spans,
    left_out,
)
from streaming.windows.days import CalendarDays  # another way to the same days

HOUR = 3_600_000


def ms(*date: int) -> int:
    return int(datetime(*date, tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc,arg-type]


def test_windows_of_a_key_that_touch_are_one() -> None:
    # a  |0 -- 10|10 -- 15|   |20 - 30|      b  |0 - 5|
    spans = [Span("a", 10, 15), Span("a", 0, 10), Span("a", 20, 30), Span("b", 0, 5)]
    assert joined_spans({one: [one] for one in spans}) == {
        Span("a", 0, 15): [Span("a", 0, 10), Span("a", 10, 15)],
        Span("a", 20, 30): [Span("a", 20, 30)],
        Span("b", 0, 5): [Span("b", 0, 5)],
    }


def test_what_touches_a_window_that_reaches_beyond_is_left_out() -> None:
    # within:   10 to 40 [------------- 40]
    # live    a    |12 - 18|  |20 - 30|
    # mart    a |8 --- 18|    |20 - 30|
    spans = [Span("a", 12, 18), Span("a", 8, 18), Span("a", 20, 30)]
    out = left_out(spans, EventSpan(10, 40))
    assert out == {Span("a", 12, 18), Span("a", 8, 18)}


@pytest.mark.parametrize(
    "zone", ["America/New_York", "Africa/Cairo", "Asia/Kolkata", "Pacific/Apia", "UTC"]
)
def test_days_are_those_of_the_engine(zone: str) -> None:
    within = EventSpan(ms(2010, 1, 1, 12), ms(2012, 1, 3))
    found = list(calendar_days(zone, within))
    instants = [start for start, _ in found] + [end - 1 for _, end in found]
    days = CalendarDays(zone)
    _, starts, ends = days.find(np.array(instants, np.int64))
    assert list(zip(starts.tolist(), ends.tolist(), strict=True)) == [*found, *found]
    assert (
        found[0][0] <= within.first_ms < found[0][1] or found[0][1] <= within.first_ms
    )
    assert found[-1][1] >= within.last_ms


def test_a_day_without_midnight_begins_when_clocks_go_forward() -> None:
    # Clocks in Cairo went from 0:00 to 1:00 at the beginning of 2010-09-10.
    start = datetime(2010, 9, 10, 1, tzinfo=ZoneInfo("Africa/Cairo"))
    begin = int(start.timestamp() * 1000)
    days = dict(calendar_days("Africa/Cairo", EventSpan(begin, begin + 30 * HOUR)))
    assert days[begin] == begin + 23 * HOUR
