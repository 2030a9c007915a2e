"""Which events a live window has seen whole: from offsets to a span of event time."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from analytics_platform.errors import InvalidUsage


class Mark(NamedTuple):
    """An event that was seen in a partition: its offset and when it happened."""

    partition: int
    offset: int
    at_ms: int


class Seen(NamedTuple):
    """The offsets of a partition from `begin` up to, without, `end`."""

    begin: int
    end: int


class EventSpan(NamedTuple):
    """Instants from `first_ms` to `last_ms`; empty if the last is before the first."""

    first_ms: int
    last_ms: int


class OffsetsLost(InvalidUsage):
    """The log of a partition does not hold the next offset to load."""

    def __init__(self, topic: str, partition: int, *, wanted: int, log: Seen) -> None:
        self.topic, self.partition, self.wanted, self.log = (
            topic,
            partition,
            wanted,
            log,
        )
        super().__init__(
            f"{topic}, partition {partition}: the next offset to load is {wanted}; the "
            f"log holds those from {log.begin} to {log.end}.",
            hint="Set ANALYTICS_STREAMING__OUT_OF_RANGE to earliest or latest to go on "
            "without what is lost.",
        )


def next_range(
    where: tuple[str, int], wanted: int | None, log: Seen, rule: str
) -> Seen:
    """The offsets to load of a partition (topic, number), `wanted` the next one.

    None begins with the oldest there is. `rule` says where to go on if the log does
    not hold `wanted`: earliest, latest or fail.

    Raises:
        OffsetsLost: it does not, and the rule is to fail.
    """
    if wanted is None:
        return log
    if log.begin <= wanted <= log.end:
        return Seen(wanted, log.end)
    if rule == "fail":
        raise OffsetsLost(*where, wanted=wanted, log=log)
    return Seen(log.begin if rule == "earliest" else log.end, log.end)


def covered_span(seen: Mapping[int, Seen], marks: Iterable[Mark]) -> EventSpan | None:
    """From the first to the last event that surely had all others between them seen.

    Marks are known events, among them each log's first and newest. A partition whose
    events before some offset were not seen counts from its first mark after it; one
    that is behind its newest mark counts up to the last mark that was seen; one
    without a mark holds nothing. None if nothing was seen.
    """
    firsts, lasts, after, until = [], [], [], []
    for partition, known in _by_partition(marks).items():
        begin, end = seen.get(partition, Seen(0, 0))
        inside = [mark.at_ms for mark in known if begin <= mark.offset < end]
        if not inside:
            return None
        firsts.append(inside[0])
        lasts.append(inside[-1])
        if known[0].offset < begin:
            after.append(inside[0])
        if known[-1].offset >= end:
            until.append(inside[-1])
    if not firsts:
        return None
    return EventSpan(max([min(firsts), *after]), min([max(lasts), *until]))


def reached_by_all(seen: Mapping[int, Seen], marks: Iterable[Mark]) -> int | None:
    """Up to where in time an event was seen in every partition; None if not in each."""
    known = _by_partition(marks)
    greatest = [
        max(
            (mark.at_ms for mark in known.get(partition, ()) if mark.offset < end),
            default=None,
        )
        for partition, (_, end) in seen.items()
    ]
    found = [one for one in greatest if one is not None]
    return min(found) if found and len(found) == len(greatest) else None


def _by_partition(marks: Iterable[Mark]) -> dict[int, list[Mark]]:
    """The marks of each partition, by offset."""
    found: dict[int, list[Mark]] = {}
    for mark in sorted(marks):
        found.setdefault(mark.partition, []).append(mark)
    return found
