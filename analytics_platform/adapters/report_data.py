"""Answers a report's questions from a published snapshot, in DuckDB's memory."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from analytics_platform.adapters.snapshots import Snapshot
from analytics_platform.contracts.domain import ReportSection, ReportSpec
from analytics_platform.contracts.records import PublishedTable, Scalar
from analytics_platform.core.query_lineage import query_lineage
from analytics_platform.core.report_builder import Period, Results, period_of
from analytics_platform.core.report_sections import Answer
from analytics_platform.errors import InvalidUsage, NotFound

if TYPE_CHECKING:  # a code location loads this module and must not pay for it
    import duckdb

_SCHEMAS = {"mart": "marts"}
_LIMITED = frozenset({"bar", "none"})  # a line or a heatmap is never cut short
_NOTHING = Answer((), ())


class MetricCompiler(Protocol):
    """Turns a metric request into SQL over the published tables."""

    def __call__(
        self,
        metrics: Sequence[str],
        group_by: Sequence[str],
        period: Period | None = None,
    ) -> str:
        """A query with one column per grouping and metric, of `period` or all time."""
        ...


@dataclass(frozen=True)
class SnapshotQueries:
    """Queries over one snapshot; single-threaded, so that sums never differ."""

    snapshot: Snapshot
    metric_sql: MetricCompiler
    connection: "duckdb.DuckDBPyConnection"

    def results(self, spec: ReportSpec) -> Results:
        """The answers to everything that the report declares."""
        data_date = self._data_date(spec)
        now = before = _NOTHING
        if data_date is not None:
            period = period_of(spec, data_date)
            now = self._ask(self.metric_sql(spec.headlines, (), period))
            before = self._ask(self.metric_sql(spec.headlines, (), period.before))
        answers = tuple(self.answer(section) for section in spec.sections)
        return Results(answers, now, before, data_date)

    def answer(self, section: ReportSection) -> Answer:
        """The rows of a section, in its order and no more than it wants.

        Raises:
            NotFound: its relation is not in the snapshot.
        """
        if section.relation:
            inner, names = self._relation_sql(section.relation), section.columns
        else:
            inner = self.metric_sql(section.metrics, section.group_by)
            names = (*section.group_by, *section.metrics)
        chosen = ", ".join(f'"{name}"' for name in names) or "*"
        return self._ask(f"select {chosen} from ({inner}) as answer{_clauses(section)}")

    def _data_date(self, spec: ReportSpec) -> date | None:
        """The last day for which the first headline has a value."""
        if not spec.headlines:
            return None
        first = spec.headlines[0]
        daily = self.metric_sql([first], [spec.time])
        rows = self.connection.execute(
            f'select cast(max("{spec.time}") as date) from ({daily}) as daily '
            f'where "{first}" is not null'
        ).fetchall()
        last: date | None = rows[0][0]
        return last

    def _relation_sql(self, relation: str) -> str:
        tables = {table.name: table for table in self.snapshot.manifest.tables}
        if relation not in tables:
            raise NotFound(
                f"A report reads {relation!r}, which is not published.",
                hint=f"Published are {', '.join(sorted(tables))}.",
            )
        return f'select * from {_schema(tables[relation])}."{relation}"'

    def _ask(self, sql: str) -> Answer:
        found = self.connection.execute(sql)
        columns = tuple(str(column[0]) for column in found.description or ())
        rows = tuple(tuple(_scalar(v) for v in row) for row in found.fetchall())
        return Answer(columns, rows, self._lineage(sql))

    def _lineage(self, sql: str) -> dict[str, tuple[str, ...]]:
        """Empty where the query's text cannot be read: its columns are unknown then."""
        tables: dict[str, dict[str, dict[str, str]]] = {}
        for table in self.snapshot.manifest.tables:
            tables.setdefault(_schema(table), {})[table.name] = table.columns
        try:
            return query_lineage(sql, tables)
        except InvalidUsage:
            return {}


@contextmanager
def open_queries(
    snapshot: Snapshot, metric_sql: MetricCompiler
) -> Iterator[SnapshotQueries]:
    """Views on every table of the snapshot, under the names they had in the warehouse.

    Gone when the context ends; no other process notices.
    """
    import duckdb

    connection = duckdb.connect(":memory:", config={"threads": 1})
    try:
        connection.execute("set timezone = 'UTC'")
        for table in snapshot.manifest.tables:
            schema = _schema(table)
            path = str(snapshot.path(table.name)).replace("'", "''")
            connection.execute(f'create schema if not exists "{schema}"')
            connection.execute(
                f'create view "{schema}"."{table.name}" as '
                f"select * from read_parquet('{path}')"
            )
        yield SnapshotQueries(snapshot, metric_sql, connection)
    finally:
        connection.close()


def _schema(table: PublishedTable) -> str:
    return _SCHEMAS.get(table.kind, table.kind)


def _clauses(section: ReportSection) -> str:
    """Filter, order and limit; ties stand in the order of all columns."""
    where = f" where {section.where}" if section.where else ""
    direction = "desc" if section.descending else "asc"
    first = f'"{section.order_by}" {direction} nulls last, ' if section.order_by else ""
    width = len(section.columns or (*section.group_by, *section.metrics)) or 1
    positions = ", ".join(str(place) for place in range(1, width + 1))
    limit = f" limit {section.limit}" if section.chart in _LIMITED else ""
    return f"{where} order by {first}{positions}{limit}"


def _scalar(value: object) -> Scalar:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)
