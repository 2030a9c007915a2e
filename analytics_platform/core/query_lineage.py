"""Which table columns each column of a query is computed from."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from analytics_platform.errors import InvalidUsage

if TYPE_CHECKING:  # a code location loads this module and must not pay for it
    from sqlglot.lineage import Node

# schema -> table -> column -> type
Tables = Mapping[str, Mapping[str, Mapping[str, str]]]


def query_lineage(
    sql: str, tables: Tables, *, dialect: str = "duckdb"
) -> dict[str, tuple[str, ...]]:
    """Per output column of a query, the columns behind it, sorted.

    Each is written `schema/table.column`; none stand behind a count of rows. A
    catalog named in the query is left out.

    Raises:
        InvalidUsage: the query cannot be read.
    """
    from sqlglot import exp, parse_one
    from sqlglot.errors import SqlglotError
    from sqlglot.lineage import lineage

    schema = {
        name: {table: dict(columns) for table, columns in found.items()}
        for name, found in tables.items()
    }
    try:
        query = parse_one(sql, dialect=dialect)
        for table in query.find_all(exp.Table):
            table.set("catalog", None)
        found = lineage(None, query, schema, dialect=dialect)
    except (SqlglotError, ValueError) as error:
        raise InvalidUsage(
            f"The lineage of a query cannot be read: {error}",
            hint=f"The query is: {sql}",
        ) from error
    return {name: tuple(sorted(set(_leaves(node)))) for name, node in found.items()}


def _leaves(node: "Node") -> Iterator[str]:
    from sqlglot import exp

    table = node.expression
    # A function that makes rows has no schema, and comes from nowhere.
    if not node.downstream and isinstance(table, exp.Table) and table.db:
        column = node.name.rpartition(".")[2].strip('"')
        yield f"{table.db}/{table.name}.{column}"
    for child in node.downstream:
        yield from _leaves(child)
