"""Reads new and changed rows of a database table, found by an increasing cursor."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy import exc

from analytics_platform.adapters.sources.arrival import Arrival, column_from_values
from analytics_platform.contracts.domain import SqlTable
from analytics_platform.errors import NotFound, Unavailable

Cursor = str | int | float | date | datetime

_CONNECT_SECONDS = 10


def read_sql_table(source: SqlTable, url: str, *, after: Cursor | None) -> Arrival:
    """All columns of the rows at or after the cursor; all rows without one.

    Rows at the cursor come again, so that ties are never lost: the load merges them.
    Rows without a cursor value always come, to be refused by the contract.

    Raises:
        Unavailable: the database does not answer.
        NotFound: it has no such table or column.
    """
    engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args=_limits(url))
    try:
        with engine.connect() as connection:
            table = _reflect(connection, source)
            streamed = connection.execution_options(
                stream_results=True, max_row_buffer=source.page_rows
            )
            result = streamed.execute(_query(table, source.cursor, after))
            names = list(result.keys())
            pages = [_page(names, rows) for rows in result.partitions(source.page_rows)]
    except exc.OperationalError as error:
        raise Unavailable(
            f"The database of the table {source.table} did not answer: {_said(error)}.",
            hint=f"Check {source.url_variable}; the load is tried again.",
        ) from error
    finally:
        engine.dispose()
    return Arrival(source.table, _joined(names, pages))


def _reflect(connection: sa.Connection, source: SqlTable) -> sa.Table:
    schema, _, name = source.table.rpartition(".")
    try:
        table = sa.Table(
            name, sa.MetaData(), schema=schema or None, autoload_with=connection
        )
    except exc.NoSuchTableError as error:
        raise NotFound(
            f"The database has no table {source.table}.",
            hint="Correct the declared source, or grant the right to read it.",
        ) from error
    if source.cursor not in table.c:
        raise NotFound(
            f"The table {source.table} has no column {source.cursor} for a cursor; "
            f"it has {', '.join(table.c.keys())}.",
            hint="Correct the cursor in the declared source.",
        )
    return table


def _query(table: sa.Table, cursor: str, after: Cursor | None) -> sa.Select[Any]:
    column = table.c[cursor]
    query = sa.select(table).order_by(column)
    if after is None:
        return query
    if isinstance(after, datetime) and getattr(column.type, "timezone", False):
        after = after.replace(tzinfo=UTC)  # the warehouse holds naive UTC
    return query.where(sa.or_(column >= after, column.is_(None)))


def _page(names: list[str], rows: Iterable[sa.Row[Any]]) -> dict[str, list[object]]:
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def _joined(names: list[str], pages: list[dict[str, list[object]]]) -> pa.Table:
    """One table; kinds are told from all values, since a page may hold nulls only."""
    return pa.table(
        {
            name: column_from_values(value for page in pages for value in page[name])
            for name in names
        }
    )


def _limits(url: str) -> dict[str, object]:
    if sa.make_url(url).get_backend_name() == "postgresql":
        return {"connect_timeout": _CONNECT_SECONDS}
    return {}


def _said(error: exc.DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0].rstrip(".")
