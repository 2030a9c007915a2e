"""Windows by key, start and end: which touch, and which reach beyond a span."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from analytics_platform.core.event_span import EventSpan

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_MINUTE = timedelta(minutes=1)


class Span(NamedTuple):
    """One key's window [start, end)."""

    key: str
    start_ms: int
    end_ms: int


def joined_spans(groups: Mapping[Span, list[Span]]) -> dict[Span, list[Span]]:
    """The groups of windows with those of one key that touch as one group."""
    joined: dict[Span, list[Span]] = {}
    current: Span | None = None
    for span in sorted(groups):
        members = groups[span]
        if (
            current is not None
            and current.key == span.key
            and span.start_ms <= current.end_ms
        ):
            members = [*joined.pop(current), *members]
            span = Span(  # noqa: PLW2901 - it grows by what it touches
                span.key, current.start_ms, max(current.end_ms, span.end_ms)
            )
        joined[span] = members
        current = span
    return joined


def left_out(spans: Iterable[Span], within: EventSpan) -> set[Span]:
    """The windows that reach beyond a span, and all that touch one which does."""
    every = list(spans)
    out: set[Span] = set()
    for members in joined_spans(_gathered(every)).values():
        if any(_reaches_beyond(one, within) for one in members):
            out.update(members)
    return out


def calendar_days(timezone: str, within: EventSpan) -> Iterator[tuple[int, int]]:
    """Start and end of each local date that lies in the span or touches it.

    A day begins with the first minute whose local date is that day or a later one.
    """
    zone = ZoneInfo(timezone)
    day = _instant(within.first_ms).astimezone(zone).date() - timedelta(days=1)
    start = _first_minute(day, zone)
    while start < within.last_ms:
        day += timedelta(days=1)
        end = _first_minute(day, zone)
        if end > start:  # a date may be skipped altogether
            yield start, end
        start = end


def _gathered(spans: Iterable[Span]) -> dict[Span, list[Span]]:
    found: dict[Span, list[Span]] = {}
    for span in spans:
        found.setdefault(span, []).append(span)
    return found


def _reaches_beyond(span: Span, within: EventSpan) -> bool:
    return span.start_ms < within.first_ms or span.end_ms > within.last_ms


def _first_minute(day: date, zone: ZoneInfo) -> int:
    """Found by looking at every quarter of an hour, then at every minute before."""
    instant = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=15)
    while instant.astimezone(zone).date() < day:
        instant += 15 * _MINUTE
    while (instant - _MINUTE).astimezone(zone).date() >= day:
        instant -= _MINUTE
    return (instant - _EPOCH) // _MS


def _instant(ms: int) -> datetime:
    return _EPOCH + ms * _MS
