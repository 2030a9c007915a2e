"""Which days and weeks have passed on the platform's clock, in the domain's zone."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from analytics_platform.contracts.domain import Partitions
from analytics_platform.core import partitions as partition_keys

_DAY = timedelta(days=1)


def local_day(now: datetime, timezone: str) -> date:
    """The calendar day at the instant `now` in the domain's time zone."""
    return now.astimezone(ZoneInfo(timezone)).date()


def begun_keys(partitions: Partitions, today: date) -> list[str]:
    """The partitions that have something to show on the day `today`, in order.

    A partition is first loaded when its first day is over: before, a check that it has
    rows would be red with nothing wrong.
    """
    return partition_keys.keys(partitions, before=today)


def increment_keys(partitions: Partitions, *, since: date, today: date) -> list[str]:
    """The partitions that a daily increment on `today` has to load again.

    Those of the days that ended since the increment of the day `since`, and of the day
    before these, whose last rows became known after its midnight.
    """
    if since >= today:
        return []
    first = partition_keys.key_of(partitions, since - _DAY)
    return [key for key in begun_keys(partitions, today) if first <= key]


def iso_week(day: date) -> str:
    """The ISO week of a day, as `2013-W45`; it begins on Monday."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"
