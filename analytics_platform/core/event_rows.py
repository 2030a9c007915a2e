"""From the records of a topic to rows of its raw table, or why one is no event."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

import orjson

from analytics_platform.contracts.declaration import ColumnType
from analytics_platform.contracts.domain import Column
from analytics_platform.contracts.streams import MAX_EVENT_BYTES, EventStream

CLUSTER, PARTITION, OFFSET = "topic_cluster", "topic_partition", "topic_offset"

_PLACE = (
    Column(
        name=CLUSTER,
        type=ColumnType.STRING,
        description="Id of the cluster that the event was read from.",
        nullable=False,
    ),
    Column(
        name=PARTITION,
        type=ColumnType.INTEGER,
        description="Partition of the topic.",
        nullable=False,
    ),
    Column(
        name=OFFSET,
        type=ColumnType.INTEGER,
        description="Offset in the partition.",
        nullable=False,
    ),
)
# Years 1 to 9999, which every warehouse can hold.
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MS = -62_135_596_800_000
_LAST_MS = 253_402_300_799_999


@dataclass(frozen=True)
class EventTable:
    """The raw table of a stream: its fields, and where each event stood in its topic.

    Rows are only ever added, so it has no partitions to replace.
    """

    stream: EventStream
    partition_date: None = None
    write: str = "append"

    @property
    def name(self) -> str:
        """The table's name in `raw`."""
        return self.stream.name

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """Its columns, in order."""
        fields = (
            Column(
                name=one.name,
                type=one.type,
                description=one.description,
                unit=one.unit,
                nullable=one.nullable,
            )
            for one in self.stream.fields
        )
        return (*fields, *_PLACE)


@dataclass(frozen=True)
class Fault:
    """Why a record is no event: empty, oversized, undecodable or schema_invalid."""

    error: str
    message: str


Event = dict[str, object]


class EventReader:
    """Reads the events of one stream."""

    def __init__(self, stream: EventStream) -> None:
        self._fields = [
            (one.name, one.type, _READERS[one.type], one.nullable)
            for one in stream.fields
        ]
        self._kind_field = stream.kind_field
        self._kinds = frozenset(one.name for one in stream.kinds)

    def read(self, value: bytes | None) -> Event | Fault:
        """The fields of one event by name, null where they are left out; or its fault.

        Instants are naive UTC, dates are dates. A live stream takes what is taken here,
        but for dates that are none and instants outside of the years 1 to 9999.
        """
        if value is None or not value.strip():
            return Fault("empty", "the record has no value")
        if len(value) > MAX_EVENT_BYTES:
            allowed = f"at most {MAX_EVENT_BYTES} are allowed"
            return Fault("oversized", f"the value has {len(value)} bytes, {allowed}")
        try:
            found = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            return Fault("undecodable", str(error))
        if not isinstance(found, dict):
            return Fault("schema_invalid", "it is no JSON object")
        return self._read(found)

    def _read(self, found: Mapping[str, object]) -> Event | Fault:
        event: Event = {}
        for name, kind, read, is_nullable in self._fields:
            item = found.get(name)
            if item is None:
                if not is_nullable:
                    return Fault("schema_invalid", f"{name} is missing")
                event[name] = None
                continue
            event[name] = value = read(item)
            if value is None:
                got = type(item).__name__
                return Fault("schema_invalid", f"{name} is no {kind} ({got})")
        if event[self._kind_field] not in self._kinds:
            said = f"{self._kind_field} is unknown: {event[self._kind_field]}"
            return Fault("schema_invalid", said)
        return event


def _text(item: object) -> str | None:
    return item if isinstance(item, str) else None


def _whole(item: object) -> int | None:
    if isinstance(item, bool) or not isinstance(item, int):
        return None
    return item if -(2**63) <= item < 2**63 else None


def _number(item: object) -> float | None:
    if isinstance(item, bool) or not isinstance(item, int | float):
        return None
    return float(item)


def _boolean(item: object) -> bool | None:
    return item if isinstance(item, bool) else None


def _instant(item: object) -> datetime | None:
    whole = _whole(item)
    if whole is None or not _FIRST_MS <= whole <= _LAST_MS:
        return None
    return (_EPOCH + timedelta(milliseconds=whole)).replace(tzinfo=None)


def _date(item: object) -> date | None:
    try:
        return date.fromisoformat(item) if isinstance(item, str) else None
    except ValueError:
        return None


_READERS: dict[ColumnType, Callable[[object], object]] = {
    ColumnType.STRING: _text,
    ColumnType.INTEGER: _whole,
    ColumnType.FLOAT: _number,
    ColumnType.BOOLEAN: _boolean,
    ColumnType.DATE: _date,
    ColumnType.TIMESTAMP: _instant,
}
