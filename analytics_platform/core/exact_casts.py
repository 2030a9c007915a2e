"""DuckDB SQL that reads a value in the expected type, and finds values that cannot be.

A cast is exact when it loses nothing: DuckDB itself rounds '1.5' to 2 in silence.
"""

from analytics_platform.contracts.domain import ColumnType
from analytics_platform.core.schema_contract import ArrivedType

_TYPES = {
    ColumnType.STRING: "varchar",
    ColumnType.INTEGER: "bigint",
    ColumnType.FLOAT: "double",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.DATE: "date",
    ColumnType.TIMESTAMP: "timestamp",
}
_BIGGEST_EXACT_FLOAT = 2**53
_WITH_ZONE = (ArrivedType.TEXT, ArrivedType.INSTANT)


def value(name: str, arrived: ArrivedType, expected: ColumnType) -> str:
    """The SQL expression `name` in the expected type; null where it does not fit.

    Instants become naive UTC, and a text without an offset is taken to be in UTC; the
    session's time zone must be UTC.
    """
    if expected is ColumnType.TIMESTAMP and arrived in _WITH_ZONE:
        return f"try_cast({name} as timestamptz)::timestamp"
    return f"try_cast({name} as {_TYPES[expected]})"


def misfit(name: str, arrived: ArrivedType, expected: ColumnType) -> str | None:
    """The SQL predicate of present values with no exact equal; None: all have one."""
    if arrived is ArrivedType.NULL or expected is ColumnType.STRING:
        return None
    if expected in (ColumnType.INTEGER, ColumnType.FLOAT):
        return _number_misfit(name, arrived, expected)
    cast = value(name, arrived, expected)
    if expected is ColumnType.BOOLEAN:
        is_number = arrived is ArrivedType.INTEGER
        return f"{name} not in (0, 1)" if is_number else f"{cast} is null"
    not_finite = f"not coalesce(isfinite({cast}), false)"
    if expected is ColumnType.DATE:  # a cast cuts the time of day off
        return f"({not_finite} or {cast} <> try_cast({name} as timestamp))"
    return not_finite


def _number_misfit(name: str, arrived: ArrivedType, expected: ColumnType) -> str:
    cast = value(name, arrived, expected)
    if expected is ColumnType.INTEGER:
        return f"coalesce({cast}::double <> try_cast({name} as double), true)"
    if arrived is ArrivedType.INTEGER:
        return f"abs({name}::hugeint) > {_BIGGEST_EXACT_FLOAT}"
    return f"not coalesce(isfinite({cast}), false)"


def quoted(name: str) -> str:
    """An identifier, quoted."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as a SQL literal."""
    return "'" + text.replace("'", "''") + "'"
