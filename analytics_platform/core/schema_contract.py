"""Compares the columns that arrived with those that a table's contract names."""

from collections.abc import Mapping
from enum import StrEnum

from analytics_platform.contracts.domain import ColumnType, TableSpec
from analytics_platform.errors import InvalidData


class ArrivedType(StrEnum):
    """What kind of values a column arrived with."""

    TEXT = "text"
    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    INSTANT = "timestamp with time zone"
    NULL = "null"
    OTHER = "nested or binary"


_NUMBERS = {ArrivedType.TEXT, ArrivedType.INTEGER, ArrivedType.FLOAT}
_FITTING: dict[ColumnType, set[ArrivedType]] = {
    ColumnType.STRING: {ArrivedType.TEXT},
    ColumnType.INTEGER: _NUMBERS,
    ColumnType.FLOAT: _NUMBERS,
    ColumnType.BOOLEAN: {ArrivedType.TEXT, ArrivedType.BOOLEAN, ArrivedType.INTEGER},
    ColumnType.DATE: {ArrivedType.TEXT, ArrivedType.DATE, ArrivedType.TIMESTAMP},
    ColumnType.TIMESTAMP: {
        ArrivedType.TEXT,
        ArrivedType.DATE,
        ArrivedType.TIMESTAMP,
        ArrivedType.INSTANT,
    },
}


class SchemaMismatch(InvalidData):
    """What arrived does not have the columns of the contract; nothing was loaded.

    `missing` and `unexpected` are column names, `mistyped` maps a column to the kind
    of values it held and the type that was expected.
    """

    def __init__(
        self, spec: TableSpec, origin: str, arrived: Mapping[str, ArrivedType]
    ) -> None:
        expected = {column.name: column.type for column in spec.columns}
        self.table, self.origin = spec.name, origin
        self.missing = [name for name in expected if name not in arrived]
        self.unexpected = [name for name in arrived if name not in expected]
        self.mistyped = {
            name: (arrived[name].value, kind.value)
            for name, kind in expected.items()
            if name in arrived and not fits(arrived[name], kind)
        }
        self.problems = _describe(self)
        super().__init__(
            f"{origin} breaks the contract of {spec.name}: "
            f"{'; '.join(self.problems)}. Got columns {', '.join(arrived) or 'none'}; "
            f"expected {', '.join(expected)}.",
            hint="Correct the source or the declared columns; what arrived is kept "
            "(`analytics quarantine list`).",
        )


def check_columns(
    spec: TableSpec, origin: str, arrived: Mapping[str, ArrivedType]
) -> None:
    """Accept columns that the contract names, each once, with values that may fit.

    Raises:
        SchemaMismatch: a column is missing, unexpected or holds other values.
    """
    mismatch = SchemaMismatch(spec, origin, arrived)
    if mismatch.problems:
        raise mismatch


def fits(arrived: ArrivedType, expected: ColumnType) -> bool:
    """Whether values of this kind may be read as the expected type at all."""
    return arrived is ArrivedType.NULL or arrived in _FITTING[expected]


def _describe(mismatch: SchemaMismatch) -> list[str]:
    return [
        *(f"column {name} is missing" for name in mismatch.missing),
        *(f"column {name} is unexpected" for name in mismatch.unexpected),
        *(
            f"column {name} holds {got} values, expected {expected}"
            for name, (got, expected) in mismatch.mistyped.items()
        ),
    ]
