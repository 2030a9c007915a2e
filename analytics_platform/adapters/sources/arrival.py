"""Rows as a source gave them, before any contract."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa

_PLAIN = (str, bool, int, float, Decimal, datetime, date)


@dataclass(frozen=True)
class Arrival:
    """One batch of rows and what it came from (a file, a table, an address)."""

    origin: str
    rows: pa.Table


def table_from_records(records: Sequence[Mapping[str, object]]) -> pa.Table:
    """Records as a table; a field that a record lacks is null in its row."""
    names = list(dict.fromkeys(name for record in records for name in record))
    columns = {
        name: column_from_values([record.get(name) for record in records])
        for name in names
    }
    return pa.table(columns)


def column_from_values(values: Iterable[object]) -> pa.Array:
    """Values of one kind as they are; mixed or nested ones as their JSON text.

    As text they reach the contract gate one by one, so that a text among numbers is
    one bad row and not a column that cannot be read.
    """
    values = list(values)
    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return pa.nulls(len(values))
    if len(kinds) == 1 and kinds.pop() in _PLAIN:
        try:
            return pa.array(values)
        except (pa.ArrowInvalid, OverflowError):  # such as an integer beyond 64 bits
            pass
    return pa.array([_text(value) for value in values], pa.string())


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (bool, int, float, list, dict)):
        return json.dumps(value, default=str)
    return str(value)
