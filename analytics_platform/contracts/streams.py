"""The declarations of what a domain streams: events, live windows, live predictions."""

from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from analytics_platform.contracts.declaration import ColumnType, Declaration

# A record's value with more bytes is no event, neither live nor in the warehouse.
MAX_EVENT_BYTES = 1 << 20


class EventField(Declaration):
    """One field of an event, in JSON.

    A timestamp is a whole number of milliseconds since 1970 in UTC, a date is text
    such as `2013-11-01`. A nullable field may be null or left out.
    """

    name: str
    type: ColumnType
    description: str
    unit: str | None = None
    nullable: bool = True


class EventKind(Declaration):
    """One thing that can happen to a row of the stream's source.

    `happens_at` is the event's own time, `sent_at` when its message is on its way;
    `happens_if` says to which rows it happens. `fields` gives the event's other fields;
    those not named are left out. All are DuckDB expressions over the columns of
    `EventSource.query`; instants are naive UTC timestamps.
    """

    name: str
    description: str
    happens_at: str
    sent_at: str
    happens_if: str = "true"
    event_id: str
    fields: dict[str, str]


class EventSource(Declaration):
    """Where the events of a stream come from when the past is replayed.

    `query` is DuckDB SQL over the domain's tables named in `tables`, read from their
    sources as they are, so that events of days not yet loaded can be sent.
    """

    tables: tuple[str, ...]
    query: str


class EventTopic(Declaration):
    """A topic that carries every event of the stream, keyed by one of its fields.

    `partitions`, where the keys are too few to fill as many as the settings say: one
    without events holds windows back until it is idle.
    """

    name: str
    key: str
    partitions: int | None = Field(default=None, ge=1)


class EventStream(Declaration):
    """Events as JSON objects, once in each of the stream's topics.

    The same event has the same value of `id_field` wherever and however often it is
    sent. `time_field` is when it happened, `kind_field` the name of its kind. The first
    topic is the one that batch loads; equal keys share a partition. `relation` is the
    dbt relation whose rows the events are about; fields have the names of its columns.
    `settles_after` an event, its message is in the topic and its row in the relation.
    """

    name: str
    description: str
    owner: str
    id_field: str
    time_field: str
    kind_field: str
    fields: tuple[EventField, ...]
    kinds: tuple[EventKind, ...]
    topics: tuple[EventTopic, ...] = Field(min_length=1)
    source: EventSource
    relation: str
    settles_after: timedelta = timedelta(days=1)

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        types = {one.name: one.type for one in self.fields}
        if len(types) < len(self.fields):
            raise ValueError("a field is declared twice")
        named = {self.id_field, self.time_field, self.kind_field}
        named |= {topic.key for topic in self.topics}
        named |= {name for kind in self.kinds for name in kind.fields}
        if unknown := sorted(named - set(types)):
            raise ValueError(f"no such field: {', '.join(unknown)}")
        if types[self.time_field] is not ColumnType.TIMESTAMP:
            raise ValueError(f"{self.time_field} must be a timestamp")
        required = {one.name for one in self.fields if not one.nullable}
        if nullable := sorted(named_always(self) - required):
            raise ValueError(f"must not be nullable: {', '.join(nullable)}")
        return self

    def field(self, name: str) -> EventField | None:
        """A field by name."""
        return next((one for one in self.fields if one.name == name), None)

    def topic_by(self, key: str) -> EventTopic | None:
        """The topic keyed by a field."""
        return next((one for one in self.topics if one.key == key), None)


class WindowSpec(Declaration):
    """How a window cuts time: [start, end), aligned to 1970-01-01 plus `offset`.

    `calendar_day` runs from one local midnight to the next in `timezone`, `sliding` is
    another name for `hopping`. Late events update a window until its end plus
    `allowed_lateness` has passed.
    """

    type: Literal["tumbling", "hopping", "sliding", "session", "calendar_day"]
    size: timedelta | None = None
    slide: timedelta | None = None
    gap: timedelta | None = None
    offset: timedelta = timedelta(0)
    allowed_lateness: timedelta = timedelta(0)
    timezone: str | None = None

    @field_validator("type")
    @classmethod
    def _one_name(cls, type: str) -> str:
        return "hopping" if type == "sliding" else type


class StreamOrder(Declaration):
    """What is assumed of the order in which a stream's events come.

    The watermark of a partition is its greatest event time less `out_of_orderness`. A
    partition silent for `idle_timeout` no longer holds the others back. An event more
    than `max_future_drift` ahead of the platform's clock is a dead letter.
    """

    out_of_orderness: timedelta = timedelta(0)
    idle_timeout: timedelta | None = timedelta(seconds=30)
    dedup_by_id: bool = False
    max_future_drift: timedelta | None = None


class LiveWindow(Declaration):
    """dbt metrics, computed over windows of events while they arrive.

    What a metric is, its expression, filter and aggregate, is read from dbt's
    semantic manifest. `kind` chooses the events, `key` (the key of one of the stream's
    topics) groups them. `event_time` is the column of the stream's relation that is the
    event's time, by which the marts are compared with the windows.
    """

    name: str
    description: str
    owner: str
    stream: str
    kind: str
    key: str
    metrics: tuple[str, ...] = Field(min_length=1)
    window: WindowSpec
    order: StreamOrder = StreamOrder()
    event_time: str


class Lookup(Declaration):
    """Columns of a published table, found by the event: at most one row fits.

    `key` maps columns of the table to fields of the event, `columns` maps the names
    by which expressions know what was found to columns of the table.
    """

    table: str
    key: dict[str, str]
    columns: dict[str, str]


class LivePrediction(Declaration):
    """A released model, applied to each event of a kind as it arrives.

    `columns` gives the spine's columns, its views' entity columns and its cut-off's
    column, each an expression (core/expressions) over the event's fields and what the
    lookups found. A column that is not named is the event's field of the same name.
    """

    name: str
    description: str
    owner: str
    model: str
    stream: str
    kind: str
    key: str
    columns: dict[str, str] = Field({})
    lookups: tuple[Lookup, ...] = ()


def named_always(stream: EventStream) -> set[str]:
    """The fields that every event of a stream must have."""
    keys = {topic.key for topic in stream.topics}
    return {stream.id_field, stream.time_field, stream.kind_field} | keys
