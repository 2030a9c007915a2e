"""Arithmetic of time partitions: keys, bounds and contiguous ranges."""

from collections.abc import Collection, Sequence
from datetime import date, timedelta
from itertools import groupby

from analytics_platform.contracts.domain import Partitions
from analytics_platform.errors import InvalidUsage


def keys(partitions: Partitions, *, before: date | None = None) -> list[str]:
    """All partition keys in order; with `before`, those that start before it."""
    end = min(partitions.end, before or partitions.end)
    found = []
    start = start_of(partitions, partitions.start)
    while start < end:
        found.append(start.isoformat())
        start = next_start(partitions, start)
    return found


def key_of(partitions: Partitions, day: date) -> str:
    """The key of the partition that holds `day`."""
    return start_of(partitions, day).isoformat()


def start_of(partitions: Partitions, day: date) -> date:
    """The first day of the partition that holds `day`; weeks start on Sunday.

    Sunday because that is the day on which Dagster's weekly partitions start.
    """
    if partitions.grain == "month":
        return day.replace(day=1)
    if partitions.grain == "week":
        return day - timedelta(days=day.isoweekday() % 7)
    return day


def next_start(partitions: Partitions, start: date) -> date:
    """The start of the partition after the one that starts at `start`."""
    if partitions.grain == "month":
        return (start + timedelta(days=32)).replace(day=1)
    return start + timedelta(days=7 if partitions.grain == "week" else 1)


def bounds(partitions: Partitions, first: str, last: str) -> tuple[date, date]:
    """First day (inclusive) and last day (exclusive) of the range of two keys."""
    start = date.fromisoformat(first)
    return start, next_start(partitions, date.fromisoformat(last))


def select(partitions: Partitions, first: str | None, last: str | None) -> list[str]:
    """The keys from `first` to `last`, both inclusive, given as dates or prefixes.

    `2013-03` and `2013-03-15` both name the partition that holds that day; a month
    at the end of a range of days or weeks means its last one.

    Raises:
        InvalidUsage: a bound is no date, the range is empty or outside the domain.
    """
    every = keys(partitions)
    low = key_of(partitions, _day(first, last=False)) if first else every[0]
    high = key_of(partitions, _day(last, last=True)) if last else every[-1]
    chosen = [key for key in every if low <= key <= high]
    if not chosen:
        raise InvalidUsage(
            f"No partition lies between {first or every[0]} and {last or every[-1]}.",
            hint=f"Partitions go from {every[0]} to {every[-1]}.",
        )
    return chosen


def contiguous(chosen: Collection[str], every: Sequence[str]) -> list[tuple[str, str]]:
    """The ranges (first, last) of neighbouring keys that together are `chosen`."""
    ranges = []
    for is_chosen, group in groupby(every, lambda key: key in chosen):
        members = list(group)
        if is_chosen:
            ranges.append((members[0], members[-1]))
    return ranges


def _day(text: str, *, last: bool) -> date:
    try:
        if len(text) == len("2013-03"):
            first = date.fromisoformat(f"{text}-01")
            following = (first + timedelta(days=32)).replace(day=1)
            return following - timedelta(days=1) if last else first
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidUsage(
            f"{text!r} is no date.", hint="Write 2013-03 or 2013-03-15."
        ) from error
