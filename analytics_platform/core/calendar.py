"""Which days and weeks have passed on the platform's clock, in the domain's zone."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from analytics_platform.contracts.domain import Partitions
from analytics_platform.core import partitions as partition_keys


def local_day(now: datetime, timezone: str) -> date:
    """The calendar day at the instant `now` in the domain's time zone."""
    return now.astimezone(ZoneInfo(timezone)).date()


def increment_keys(
    partitions: Partitions, *, since: date | None, today: date
) -> list[str]:
    """The partitions that a daily increment on `today` has to load again.

    The open partition, and every one closed since the day of the last increment, so
    that its last rows arrive too. Nothing when that day is today, or outside the
    domain's partitions.
    """
    if since == today:
        return []
    first = partition_keys.key_of(partitions, since or today)
    last = partition_keys.key_of(partitions, today)
    return [key for key in partition_keys.keys(partitions) if first <= key <= last]


def iso_week(day: date) -> str:
    """The ISO week of a day, as `2013-W45`; it begins on Monday."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"
