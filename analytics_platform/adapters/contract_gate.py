"""Puts arriving Arrow rows through a table's contract, inside DuckDB's memory."""

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

import duckdb
import pyarrow as pa

from analytics_platform.contracts.domain import TableSpec
from analytics_platform.contracts.records import Scalar
from analytics_platform.core.contract_gate import (
    LINE,
    PARTITION,
    REASON,
    ROW,
    ContractSql,
    Scope,
)
from analytics_platform.core.exact_casts import quoted
from analytics_platform.core.schema_contract import ArrivedType, check_columns
from analytics_platform.errors import InvalidUsage

_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Gated:
    """What came through the gate; readable until the gate is closed.

    `rows` and `failing` count, per partition (None: the row's partition cannot be
    told, or the table has none), the rows in scope and those that break the contract.
    """

    spec: TableSpec
    origin: str
    arrived: pa.Table
    connection: duckdb.DuckDBPyConnection
    rows: Mapping[date | None, int]
    failing: Mapping[date | None, int]

    @property
    def good_rows(self) -> int:
        """How many rows keep the contract."""
        return sum(self.rows.values()) - sum(self.failing.values())

    @property
    def good_days(self) -> set[date]:
        """Starts of the partitions that have rows which keep the contract."""
        return {
            day
            for day, rows in self.rows.items()
            if day is not None and rows > self.failing.get(day, 0)
        }

    def good(self) -> pa.Table:
        """The rows that keep the contract, in its types, with `partition_date`."""
        names = [quoted(column.name) for column in self.spec.columns]
        if self.spec.partition_date is not None:
            names.append(PARTITION)
        keeps = "true"
        if any(self.failing.values()):
            keeps = f"not __bad and {ROW} not in (select {ROW} from duplicates)"
        query = f"select {', '.join(names)} from checked where {keeps}"
        return self.connection.execute(query).to_arrow_table()

    def refused(self, *, but_of: Collection[date] = ()) -> pa.Table:
        """The rows that break the contract, as they arrived, each with its reason.

        Rows of the partitions `but_of` are left out.
        """
        days = ", ".join(f"date '{day}'" for day in but_of)
        kept = f"coalesce({PARTITION} not in ({days}), true)" if but_of else "true"
        found = self.connection.execute(
            f"select {ROW}, {REASON} from reasons where {kept} order by {ROW}"
        )
        return self._as_arrived(found.to_arrow_table())

    def samples(self, limit: int) -> dict[date | None, list[dict[str, Scalar]]]:
        """The first refused rows of each partition, personal columns masked."""
        found = self.connection.execute(
            f"select {PARTITION}, {REASON}, * exclude ({PARTITION}, {REASON}, {ROW}) "
            f"from reasons join arrived using ({ROW}) qualify row_number() over "
            f"(partition by {PARTITION} order by {ROW}) <= {limit}"
        )
        names = [column[0] for column in found.description][1:]
        personal = {c.name for c in self.spec.columns if c.personal} | {LINE}
        samples: dict[date | None, list[dict[str, Scalar]]] = {}
        for day, *values in found.fetchall():
            row = {
                name: "***"
                if name in personal and value is not None
                else _scalar(value)
                for name, value in zip(names, values, strict=True)
            }
            samples.setdefault(day, []).append(row)
        return samples

    def held(self, partition: date | None) -> pa.Table:
        """All rows of a partition (None: of all) as they arrived.

        The reason is null where the row itself is good.
        """
        wanted = "true" if partition is None else f"{PARTITION} = date '{partition}'"
        found = self.connection.execute(
            f"select {ROW}, {REASON} from checked "
            f"left join (select {ROW}, {REASON} from reasons) using ({ROW}) "
            f"where {wanted} order by {ROW}"
        )
        return self._as_arrived(found.to_arrow_table())

    def _as_arrived(self, positions: pa.Table) -> pa.Table:
        rows = self.arrived.take(positions[ROW]).drop_columns([ROW])
        return rows.append_column(REASON, positions[REASON].cast(pa.string()))


@contextmanager
def gate(
    spec: TableSpec, arrived: pa.Table, scope: Scope, *, origin: str
) -> Iterator[Gated]:
    """Judge every row that arrived from `origin`.

    Raises:
        SchemaMismatch: the columns are not those of the contract.
    """
    if REASON in arrived.column_names:
        arrived = arrived.drop_columns([REASON])
    kinds = _arrived_types(spec, origin, arrived)
    numbered = arrived.append_column(ROW, pa.array(range(len(arrived)), pa.int64()))
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.register("arrived", numbered)
        sql = ContractSql(spec, kinds, scope)
        _keep(connection, "typed", sql.typed_query())
        # It moves what two rules share out of their try(), where errors are fatal.
        connection.execute("set disabled_optimizers = 'common_subexpressions'")
        _keep(connection, "checked", sql.checked_query())
        connection.execute("drop table typed")
        _keep(connection, "duplicates", sql.duplicates_query())
        _keep(connection, "reasons", _only_if_bad(connection, sql.reasons_query()))
        yield Gated(
            spec=spec,
            origin=origin,
            arrived=numbered,
            connection=connection,
            rows=_counted(connection, "checked"),
            failing=_counted(connection, "reasons"),
        )


def _keep(connection: duckdb.DuckDBPyConnection, name: str, query: str) -> None:
    connection.execute(f"create temp table {name} as {query}")


def _only_if_bad(connection: duckdb.DuckDBPyConnection, reasons: str) -> str:
    """The query of the reasons; with nothing to be found, one that does not look."""
    found = connection.execute(
        "select exists (select 1 from checked where __bad) "
        "or exists (select 1 from duplicates)"
    ).fetchall()
    return reasons if found[0][0] else f"{reasons} limit 0"


def _scalar(value: object) -> Scalar:
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return str(value)


def _counted(
    connection: duckdb.DuckDBPyConnection, relation: str
) -> dict[date | None, int]:
    query = f"select {PARTITION}, count(*) from {relation} group by 1 order by 1"
    return dict(connection.execute(query).fetchall())


def _arrived_types(
    spec: TableSpec, origin: str, arrived: pa.Table
) -> dict[str, ArrivedType]:
    odd = [c.name for c in spec.columns if not _NAME.fullmatch(c.name)]
    if odd or PARTITION in {c.name for c in spec.columns}:
        raise InvalidUsage(
            f"The columns {', '.join(odd) or PARTITION} of {spec.name} are misnamed.",
            hint="Declare snake_case names; partition_date is the platform's own.",
        )
    names = arrived.column_names
    kinds = {
        field.name if names.count(field.name) == 1 else f"{field.name} (twice)": (
            _kind(field.type)
        )
        for field in arrived.schema
    }
    columns = {name: kind for name, kind in kinds.items() if name != LINE}
    check_columns(spec, origin, columns)
    return kinds


def _kind(type_: pa.DataType) -> ArrivedType:  # noqa: PLR0911 - one line per kind
    if pa.types.is_dictionary(type_):
        return _kind(type_.value_type)
    if pa.types.is_null(type_):
        return ArrivedType.NULL
    if pa.types.is_string(type_) or pa.types.is_large_string(type_):
        return ArrivedType.TEXT
    if pa.types.is_integer(type_):
        return ArrivedType.INTEGER
    if pa.types.is_floating(type_) or pa.types.is_decimal(type_):
        return ArrivedType.FLOAT
    if pa.types.is_boolean(type_):
        return ArrivedType.BOOLEAN
    if pa.types.is_date(type_):
        return ArrivedType.DATE
    if pa.types.is_timestamp(type_):
        return ArrivedType.INSTANT if type_.tz else ArrivedType.TIMESTAMP
    return ArrivedType.OTHER
