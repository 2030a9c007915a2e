"""Past rows of a domain as the events that its stream declares, in sending order."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import duckdb
import orjson

from analytics_platform.adapters.contract_gate import gate
from analytics_platform.adapters.sources.arrival import Arrival
from analytics_platform.adapters.sources.open import read_source
from analytics_platform.contracts.declaration import ColumnType
from analytics_platform.contracts.domain import Domain, TableSpec
from analytics_platform.contracts.streams import EventKind, EventStream
from analytics_platform.core.contract_gate import Scope
from analytics_platform.core.exact_casts import literal, quoted
from analytics_platform.core.partitions import next_start, start_of
from analytics_platform.errors import InvalidUsage, NotFound

if TYPE_CHECKING:
    import pyarrow as pa

_SENT_AT = "sent_at__"
_ROWS_AT_ONCE = 20_000
_MARGIN = timedelta(days=3)  # for time zones, and for what takes long
_LATEST = timedelta(days=1)  # no event is sent later than this after it happened
_READ_AT_ONCE = timedelta(days=7)


@dataclass(frozen=True)
class SentEvent:
    """An event as it was sent: JSON, its key in each of the stream's topics, when."""

    sent_at_ms: int
    happened_at_ms: int
    keys: tuple[bytes, ...]
    value: bytes


@dataclass(frozen=True)
class EventReplay:
    """The events of a stream, out of the sources of its domain's tables."""

    domain: Domain
    stream: EventStream
    read: Callable[[TableSpec], Arrival] = read_source

    def events(self, start: datetime, end: datetime) -> Iterator[SentEvent]:
        """Everything that happened in [start, end), in the order it was sent.

        Rows that break their table's contract are left out, as batch leaves them out.

        Raises:
            NotFound: a table of the stream's source is not declared.
            InvalidUsage: the declaration does not fit the tables.
        """
        with duckdb.connect() as session:
            session.execute("set timezone = 'UTC'")
            for table in self.stream.source.tables:
                self._load(session, table, start, end)
            try:
                rows = session.execute(self._query(start, end))
                reader = rows.to_arrow_reader(_ROWS_AT_ONCE)
            except duckdb.Error as error:
                raise InvalidUsage(
                    f"The source of the stream {self.stream.name!r} cannot be read: "
                    f"{str(error).splitlines()[0]}.",
                    hint="Correct the stream's declaration.",
                ) from error
            for batch in reader:
                yield from self._events(batch)

    def sent_since(self, start: datetime, end: datetime) -> Iterator[SentEvent]:
        """Everything that was sent from `start` on and happened before `end`, in order.

        Read a few days at a time: what a year of events needs is never held.
        """
        until = start
        while until < end + _LATEST:
            first, until = until, until + _READ_AT_ONCE
            span = range(_epoch_ms(first), _epoch_ms(until))
            begun = first - _LATEST
            for event in list(self.events(begun, min(until, end))):
                if event.sent_at_ms in span:
                    yield event

    def count(self, start: datetime, end: datetime) -> int:
        """How many events happened in [start, end)."""
        return sum(1 for _ in self.events(start, end))

    def _load(
        self,
        session: duckdb.DuckDBPyConnection,
        table: str,
        start: datetime,
        end: datetime,
    ) -> None:
        spec = next((one for one in self.domain.tables if one.name == table), None)
        if spec is None:
            raise NotFound(
                f"The stream {self.stream.name!r} reads the table {table!r}, which is "
                "not declared.",
                hint="Correct `source.tables` of the stream.",
            )
        arrival = self.read(spec)
        scope = self._scope(spec, start, end)
        with gate(spec, arrival.rows, scope, origin=arrival.origin) as gated:
            session.register("good", gated.good())
        session.execute(f"create table {quoted(table)} as select * from good")
        session.unregister("good")

    def _scope(self, spec: TableSpec, start: datetime, end: datetime) -> Scope:
        """The partitions that may hold the rows of what happened in [start, end)."""
        if spec.partition_date is None:
            return Scope()
        partitions = self.domain.partitions
        first = start_of(partitions, start.date() - _MARGIN)
        until = next_start(partitions, start_of(partitions, end.date() + _MARGIN))
        return Scope(start=first, end=until, grain=partitions.grain)

    def _query(self, start: datetime, end: datetime) -> str:
        kinds = "\nunion all by name\n".join(
            self._of_kind(kind) for kind in self.stream.kinds
        )
        instant = quoted(self.stream.time_field)
        return (
            f"with rows_ as materialized ({self.stream.source.query}),\n"
            f"events_ as ({kinds})\n"
            f"select * from events_ where {instant} >= {_epoch_ms(start)} "
            f"and {instant} < {_epoch_ms(end)}\n"
            f"order by {_SENT_AT}, {quoted(self.stream.id_field)}"
        )

    def _of_kind(self, kind: EventKind) -> str:
        stream = self.stream
        texts = {
            stream.id_field: kind.event_id,
            stream.kind_field: literal(kind.name),
            stream.time_field: kind.happens_at,
            **kind.fields,
        }
        types = {one.name: one.type for one in stream.fields}
        columns = [
            f"{_in_json(text, types[name])} as {quoted(name)}"
            for name, text in texts.items()
        ]
        columns.append(f"epoch_ms({kind.sent_at}) as {_SENT_AT}")
        return f"select {', '.join(columns)} from rows_ where {kind.happens_if}"

    def _events(self, batch: "pa.RecordBatch") -> Iterator[SentEvent]:
        keys = [topic.key for topic in self.stream.topics]
        for row in batch.to_pylist():
            sent_at = row.pop(_SENT_AT)
            yield SentEvent(
                sent_at_ms=sent_at,
                happened_at_ms=row[self.stream.time_field],
                keys=tuple(str(row[key]).encode() for key in keys),
                value=orjson.dumps(
                    {name: item for name, item in row.items() if item is not None}
                ),
            )


def _in_json(text: str, kind: ColumnType) -> str:
    match kind:
        case ColumnType.TIMESTAMP:
            return f"epoch_ms({text})"
        case ColumnType.INTEGER:
            return f"({text})::bigint"
        case ColumnType.FLOAT:
            return f"({text})::double"
        case ColumnType.BOOLEAN:
            return f"({text})::boolean"
        case _:
            return f"({text})::varchar"


def _epoch_ms(instant: datetime) -> int:
    return int(instant.astimezone(UTC).timestamp() * 1000)
