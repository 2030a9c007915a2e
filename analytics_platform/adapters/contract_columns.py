"""A contract's columns in a warehouse: their types there, and tables made of them."""

from collections.abc import Mapping
from typing import Protocol

from analytics_platform.adapters.warehouse import Session
from analytics_platform.contracts.domain import Column, ColumnType
from analytics_platform.core.contract_gate import PARTITION
from analytics_platform.core.exact_casts import quoted
from analytics_platform.errors import InvalidData

_NEUTRAL = {
    ColumnType.STRING: "text",
    ColumnType.INTEGER: "bigint",
    ColumnType.FLOAT: "double",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.DATE: "date",
    ColumnType.TIMESTAMP: "timestamp",
}


class RawTable(Protocol):
    """A table in `raw`: one that a domain declares, or that of an event stream."""

    @property
    def name(self) -> str:
        """The table's name."""
        ...

    @property
    def columns(self) -> tuple[Column, ...]:
        """Its columns, in order."""
        ...

    @property
    def partition_date(self) -> str | None:
        """The expression that gives a row's partition, if it has any."""
        ...

    @property
    def write(self) -> str:
        """What becomes of the rows that are there."""
        ...


def column_types(spec: RawTable, dialect: str) -> dict[str, str]:
    """The columns of `raw.<table>` and their types in a dialect, in order."""
    types = {column.name: column.type for column in spec.columns}
    if spec.partition_date is not None:
        types[PARTITION] = ColumnType.DATE
    return {name: _type_name(kind, dialect) for name, kind in types.items()}


def column_list(columns: Mapping[str, str]) -> str:
    """The names for a statement, quoted."""
    return ", ".join(quoted(name) for name in columns)


def create_table(session: Session, relation: str, columns: Mapping[str, str]) -> None:
    """Make the table, and its schema, unless it is there."""
    schema, _, _ = relation.partition(".")
    session.execute(f"create schema if not exists {schema}")
    definitions = ", ".join(
        f"{quoted(name)} {type_}" for name, type_ in columns.items()
    )
    session.execute(f"create table if not exists {relation} ({definitions})")


def ensure_table(
    session: Session, relation: str, columns: Mapping[str, str], dialect: str
) -> None:
    """Make the table, or add the columns that its contract has gained.

    Raises:
        InvalidData: the table has columns or types that the contract no longer has.
    """
    present = session.columns(relation)
    if not present:
        create_table(session, relation, columns)
        return
    gone = [name for name in present if name not in columns]
    changed = [
        f"{name} ({present[name]}, now {type_})"
        for name, type_ in columns.items()
        if name in present and not _same(present[name], type_, dialect)
    ]
    if gone or changed:
        raise InvalidData(
            f"{relation} was made under another contract: columns removed: "
            f"{', '.join(gone) or 'none'}; of another type: "
            f"{', '.join(changed) or 'none'}.",
            hint=f"Drop {relation} and load all its partitions again.",
        )
    for name, type_ in columns.items():
        if name not in present:
            session.execute(f"alter table {relation} add column {quoted(name)} {type_}")


def _type_name(kind: ColumnType, dialect: str) -> str:
    from sqlglot import exp

    name: str = exp.DataType.build(_NEUTRAL[kind], dialect="duckdb").sql(dialect)
    return name


def _same(one: str, other: str, dialect: str) -> bool:
    from sqlglot import exp

    def plain(name: str) -> str:
        text: str = exp.DataType.build(name, dialect=dialect).sql("duckdb")
        return text

    return plain(one) == plain(other)
