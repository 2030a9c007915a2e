"""How far the topics of a stream are loaded: a table beside the rows, in `raw`."""

from collections.abc import Iterable
from dataclasses import dataclass

from analytics_platform.adapters.contract_columns import ensure_table
from analytics_platform.adapters.promotion import RAW
from analytics_platform.adapters.warehouse import Session
from analytics_platform.contracts.streams import EventStream
from analytics_platform.core.event_span import Mark, Seen

_COLUMNS = {
    "step": "bigint",  # rises: the last one says where a partition goes on
    "topic_cluster": "text",
    "topic": "text",
    "topic_partition": "bigint",
    "begin_offset": "bigint",
    "next_offset": "bigint",
    "first_offset": "bigint",
    "first_at_ms": "bigint",
    "last_offset": "bigint",
    "last_at_ms": "bigint",
    "loaded_rows": "bigint",
}
_STEP = "select coalesce(max(step), 0) + 1 from {table}"
_INSERT = (
    "insert into {table} values (:step, :cluster, :topic, :partition, :begin, :end, "
    ":first_offset, :first_at, :last_offset, :last_at, :rows)"
)
_ENDS = (
    "select topic_partition, next_offset from {table} where step in ("
    "select max(step) from {table} where {at} group by topic_partition)"
)
_MARKS = (
    "select topic_partition, first_offset, first_at_ms from {table} where {at} "
    "and first_at_ms is not null union "
    "select topic_partition, last_offset, last_at_ms from {table} where {at} "
    "and last_at_ms is not null"
)
_AT = "topic_cluster = :cluster and topic = :topic"


@dataclass(frozen=True)
class Place:
    """A topic of one cluster."""

    cluster: str
    topic: str


@dataclass(frozen=True)
class Step:
    """Offsets of a partition that were loaded, with the first and last event's time.

    `rows` is None for a topic whose rows are loaded from another one.
    """

    partition: int
    offsets: Seen
    first: Mark | None
    last: Mark | None
    rows: int | None


@dataclass(frozen=True)
class EventOffsets:
    """The table of offsets of one stream, on one connection.

    A step is written in the transaction that adds its rows, so that both are there or
    neither is.
    """

    stream: EventStream
    session: Session
    dialect: str

    @property
    def table(self) -> str:
        """Its name in the warehouse."""
        return f"{RAW}.{self.stream.name}_offsets"

    def ensure(self) -> None:
        """Make the table unless it is there."""
        ensure_table(self.session, self.table, _COLUMNS, self.dialect)

    def ends(self, place: Place) -> dict[int, int]:
        """The next offset to load of each partition that was begun."""
        if not self.session.columns(self.table):
            return {}
        sql = _ENDS.format(table=self.table, at=_AT)
        found = self.session.rows(sql, _parameters(place))
        return {int(str(number)): int(str(end)) for number, end in found}

    def marks(self, place: Place) -> list[Mark]:
        """Every known event's place and time, the first and last of each step."""
        if not self.session.columns(self.table):
            return []
        sql = _MARKS.format(table=self.table, at=_AT)
        found = self.session.rows(sql, _parameters(place))
        return [Mark(*(int(str(item)) for item in row)) for row in found]

    def write(self, place: Place, steps: Iterable[Step]) -> None:
        """Note steps; call it in the transaction of their rows."""
        first = int(str(self.session.rows(_STEP.format(table=self.table))[0][0]))
        for number, step in enumerate(steps, first):
            self.session.execute(
                _INSERT.format(table=self.table),
                {
                    **_parameters(place),
                    "step": number,
                    "partition": step.partition,
                    "begin": step.offsets.begin,
                    "end": step.offsets.end,
                    "first_offset": step.first.offset if step.first else None,
                    "first_at": step.first.at_ms if step.first else None,
                    "last_offset": step.last.offset if step.last else None,
                    "last_at": step.last.at_ms if step.last else None,
                    "rows": step.rows,
                },
            )

    def cluster(self) -> str | None:
        """The cluster that events were loaded from last; None before any event."""
        if not self.session.columns(self.table):
            return None
        found = self.session.rows(
            f"select topic_cluster from {self.table} where loaded_rows > 0 "
            "order by step desc limit 1"
        )
        return str(found[0][0]) if found else None


def _parameters(place: Place) -> dict[str, str]:
    return {"cluster": place.cluster, "topic": place.topic}
