"""Reads the records of a stream's topics as events, in ranges of offsets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from analytics_platform.adapters.brokers import Broker
from analytics_platform.adapters.event_offsets import Place, Step
from analytics_platform.adapters.topic_reading import (
    OffsetRange,
    TopicRecord,
    read_ranges,
)
from analytics_platform.contracts.streams import EventStream
from analytics_platform.core.event_rows import (
    CLUSTER,
    OFFSET,
    PARTITION,
    Event,
    Fault,
    read_event,
)
from analytics_platform.core.event_span import Mark, Seen

_AT_AN_END = 20  # records among which an event is looked for; others may be broken


@dataclass
class Events:
    """The events and the bad records of some ranges of offsets, by partition."""

    rows: list[Event] = field(default_factory=list)
    bad: dict[int, list[dict[str, object]]] = field(default_factory=dict)
    marks: dict[int, list[Mark]] = field(default_factory=dict)

    def steps(self, ranges: Mapping[int, Seen]) -> list[Step]:
        """What was read, as it is noted."""
        return [
            Step(
                number,
                one,
                first=self.marks[number][0] if number in self.marks else None,
                last=self.marks[number][-1] if number in self.marks else None,
                rows=len(self.marks.get(number, ())),
            )
            for number, one in ranges.items()
        ]


@dataclass(frozen=True)
class EventTopic:
    """One topic of a stream in one cluster."""

    broker: Broker
    stream: EventStream
    place: Place

    def read(self, ranges: Mapping[int, Seen]) -> Events:
        """Every committed record in the ranges.

        Raises:
            OffsetsGone: the log does not hold the beginning of a range any more.
            Unavailable: the broker stopped answering.
        """
        found = Events()
        wanted = {number: OffsetRange(*one) for number, one in ranges.items()}
        for batch in read_ranges(self.broker, self.place.topic, wanted):
            for record in batch:
                self._take(record, found)
        return found

    def look(self, ranges: Mapping[int, Seen], begun: Sequence[int]) -> list[Step]:
        """The ranges with what stands at their ends; `begun` were looked at before."""
        last = {
            number: Seen(max(one.begin, one.end - _AT_AN_END), one.end)
            for number, one in ranges.items()
        }
        first = {
            number: Seen(one.begin, min(one.begin + _AT_AN_END, one.end))
            for number, one in ranges.items()
            if number not in begun
        }
        ends, begins = self.read(last).marks, self.read(first).marks
        return [
            Step(
                number,
                one,
                first=begins[number][0] if number in begins else None,
                last=ends[number][-1] if number in ends else None,
                rows=None,
            )
            for number, one in ranges.items()
        ]

    def _take(self, record: TopicRecord, into: Events) -> None:
        event = read_event(self.stream, record.value)
        number, offset = record.partition, record.offset
        if isinstance(event, Fault):
            into.bad.setdefault(number, []).append(_kept(record, event))
            return
        at_ms = _ms(event[self.stream.time_field])
        into.marks.setdefault(number, []).append(Mark(number, offset, at_ms))
        place = {CLUSTER: self.place.cluster, PARTITION: number, OFFSET: offset}
        into.rows.append({**event, **place})


def _kept(record: TopicRecord, fault: Fault) -> dict[str, object]:
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "key": record.key,
        "value": record.value,
        "error": fault.error,
        "reason": fault.message,
    }


def _ms(instant: object) -> int:
    if not isinstance(instant, datetime):
        raise TypeError(instant)
    return round(instant.replace(tzinfo=UTC).timestamp() * 1000)
