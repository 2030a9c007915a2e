"""Reads the records of a stream's topics as events, in ranges of offsets."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pyarrow as pa

from analytics_platform.adapters.brokers import Broker
from analytics_platform.adapters.event_offsets import Place, Step
from analytics_platform.adapters.topic_reading import (
    OffsetRange,
    TopicRecord,
    read_ranges,
)
from analytics_platform.contracts.declaration import ColumnType
from analytics_platform.contracts.streams import EventStream
from analytics_platform.core.event_rows import (
    CLUSTER,
    OFFSET,
    PARTITION,
    Event,
    EventReader,
    EventTable,
    Fault,
)
from analytics_platform.core.event_span import Mark, Seen

_ARROW = {
    ColumnType.STRING: pa.string(),
    ColumnType.INTEGER: pa.int64(),
    ColumnType.FLOAT: pa.float64(),
    ColumnType.BOOLEAN: pa.bool_(),
    ColumnType.DATE: pa.date32(),
    ColumnType.TIMESTAMP: pa.timestamp("us"),
}
_AT_AN_END = 20  # records among which an event is looked for; others may be broken


@dataclass
class Events:
    """The events of some ranges of offsets, and by partition the bad records.

    `first` and `last` are the ends of the events of each partition, `counts` their
    number.
    """

    rows: pa.Table
    bad: dict[int, list[dict[str, object]]] = field(default_factory=dict)
    first: dict[int, Mark] = field(default_factory=dict)
    last: dict[int, Mark] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)

    def steps(self, ranges: Mapping[int, Seen]) -> list[Step]:
        """What was read, as it is noted."""
        return [
            Step(
                number,
                one,
                first=self.first.get(number),
                last=self.last.get(number),
                rows=self.counts.get(number, 0),
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
        schema = self._schema()
        found, reader = Events(schema.empty_table()), EventReader(self.stream)
        wanted = {number: OffsetRange(*one) for number, one in ranges.items()}
        parts = [
            _table(self._taken(batch, reader, found), schema)
            for batch in read_ranges(self.broker, self.place.topic, wanted)
        ]
        return replace(found, rows=pa.concat_tables([found.rows, *parts]))

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
        ends, begins = self.read(last).last, self.read(first).first
        return [
            Step(number, one, begins.get(number), ends.get(number), rows=None)
            for number, one in ranges.items()
        ]

    def _schema(self) -> pa.Schema:
        columns = EventTable(self.stream).columns
        return pa.schema([(one.name, _ARROW[one.type]) for one in columns])

    def _taken(
        self, records: Iterable[TopicRecord], reader: EventReader, into: Events
    ) -> list[Event]:
        """The events of some records, with their places; the rest goes to `into`."""
        rows: list[Event] = []
        for record in records:
            event = reader.read(record.value)
            number, offset = record.partition, record.offset
            if isinstance(event, Fault):
                into.bad.setdefault(number, []).append(_kept(record, event))
                continue
            mark = Mark(number, offset, _ms(event[self.stream.time_field]))
            into.first.setdefault(number, mark)
            into.last[number] = mark
            into.counts[number] = into.counts.get(number, 0) + 1
            event[CLUSTER] = self.place.cluster
            event[PARTITION], event[OFFSET] = number, offset
            rows.append(event)
        return rows


def _table(rows: list[Event], schema: pa.Schema) -> pa.Table:
    columns = [
        pa.array([row[one.name] for row in rows], type=one.type) for one in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


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
