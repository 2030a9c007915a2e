"""The days of a time zone as instants: 23, 24 or 25 hours and other lengths."""

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
# Years 2 to 9998: every day in them has a day before and after that Python can name.
FIRST_MS = -62104060800000
LAST_MS = 253370764800000


class CalendarDays:
    """Finds the day of an instant in one time zone; days once found are kept."""

    def __init__(self, timezone: str) -> None:
        self._zone = ZoneInfo(timezone)
        self._numbers = np.empty(0, np.int64)
        self._starts = np.empty(0, np.int64)
        self._ends = np.empty(0, np.int64)

    def find(self, ts_ms: Integers) -> tuple[Integers, Integers, Integers]:
        """Number, start and end (n of each) of the days of n instants.

        A day's number counts dates: local 1970-01-01 is 719163. Instants outside the
        years 2 to 9998 are given the day of the nearest one inside.
        """
        inside = np.clip(ts_ms, FIRST_MS, LAST_MS - 1)
        places = self._places(inside)
        while (missing := np.flatnonzero(places < 0)).size:
            self._add(int(inside[missing[0]]))
            places = self._places(inside)
        return self._numbers[places], self._starts[places], self._ends[places]

    def _places(self, ts_ms: Integers) -> NDArray[np.intp]:
        if not self._starts.size:
            return np.full(ts_ms.size, -1, np.intp)
        places = np.searchsorted(self._starts, ts_ms, side="right") - 1
        places[ts_ms >= self._ends[places]] = -1
        return places

    def _add(self, ts_ms: int) -> None:
        number, start, end = day_of(ts_ms, self._zone)
        place = bisect_right(self._starts.tolist(), start)
        self._numbers = np.insert(self._numbers, place, number)
        self._starts = np.insert(self._starts, place, start)
        self._ends = np.insert(self._ends, place, end)


def day_of(ts_ms: int, zone: ZoneInfo) -> tuple[int, int, int]:
    """Number, start and end of the day that holds an instant."""
    day = datetime.fromtimestamp(ts_ms // 1000, UTC).astimezone(zone).date()
    start, end = day_start(day, zone), day_start(day + timedelta(days=1), zone)
    # Clocks set back across midnight repeat a piece of the day before: it belongs to
    # the later day, which begins when its date is first seen.
    if ts_ms < start:
        day -= timedelta(days=1)
        start, end = day_start(day, zone), start
    elif ts_ms >= end:
        day += timedelta(days=1)
        start, end = end, day_start(day + timedelta(days=1), zone)
    return day.toordinal(), start, end


def day_start(day: date, zone: ZoneInfo) -> int:
    """The first instant of a day: its midnight, the earlier one where there are two.

    Where midnight does not exist it is the instant at which the clocks went forward;
    the start of a date that was skipped altogether is that of the next.
    """
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    instant = midnight.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) != midnight.replace(tzinfo=None):
        instant = _end_of_gap(midnight)
    return (instant - _EPOCH) // _MS


def _end_of_gap(midnight: datetime) -> datetime:
    """The instant of the change whose gap holds a local time that does not exist.

    PEP 495: with fold=0 the time is read with the offset before the change, with
    fold=1 with the one after it, so the change lies between both readings.
    """
    low = midnight.replace(fold=1).astimezone(UTC)
    high = midnight.replace(fold=0).astimezone(UTC)
    before = low.astimezone(midnight.tzinfo).utcoffset()
    while high - low > _MS:
        middle = low + (high - low) / 2
        if middle.astimezone(midnight.tzinfo).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=high.microsecond // 1000 * 1000)
