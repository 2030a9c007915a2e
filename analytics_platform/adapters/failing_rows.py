"""Counts failing rows by partition and fetches a few of them, ready to be shown."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from math import isfinite

import sqlalchemy as sa

from analytics_platform.adapters.expectation_batch import SAMPLE_ROWS
from analytics_platform.contracts.records import Scalar

MASK = "***"
_LONGEST_TEXT = 200  # characters of a sample's value; more is not read anyway
_NUMBER, _COUNT = "sample_number_", "failing_count_"


@dataclass(frozen=True)
class FailingRows:
    """How many rows of one partition fail, and a few of them."""

    count: int
    samples: tuple[Mapping[str, object], ...]


def failing_rows(
    engine: sa.Engine,
    failing: sa.Subquery,
    *,
    partition_column: str | None,
    limit: int | None = None,
) -> dict[str | None, FailingRows]:
    """Failing rows by partition key (None: all of them), one query for all.

    Partitions without any are absent. At most `limit` (else ten) samples each.
    """
    group = _group(partition_column)
    number = sa.func.row_number().over(partition_by=group or None)
    count = sa.func.count().over(partition_by=group or None)
    numbered = (
        sa.select(sa.text("failing.*"), number.label(_NUMBER), count.label(_COUNT))
        .select_from(failing)
        .subquery("numbered")
    )
    query = (
        sa.select(sa.text("*"))
        .select_from(numbered)
        .where(sa.column(_NUMBER) <= (limit or SAMPLE_ROWS))
    )
    grouped: dict[str | None, FailingRows] = {}
    with engine.connect() as connection:
        for row in connection.execute(query).mappings():
            values = dict(row)
            del values[_NUMBER]
            counted = int(values.pop(_COUNT))
            key = None if partition_column is None else _key(values[partition_column])
            before = grouped[key].samples if key in grouped else ()
            grouped[key] = FailingRows(counted, (*before, values))
    return grouped


def totals(
    engine: sa.Engine, query: str, *, partition_column: str | None
) -> dict[str | None, int]:
    """Rows of `query` by partition key (None: all of them)."""
    rows = sa.text(query).columns().subquery("counted")
    group = _group(partition_column)
    counted = sa.select(*group, sa.func.count()).select_from(rows).group_by(*group)
    with engine.connect() as connection:
        found = connection.execute(counted).all()
    if partition_column is None:
        return {None: int(found[0][0])}
    return {_key(key): int(count) for key, count in found}


def mask(row: Mapping[str, object], personal: Collection[str]) -> dict[str, Scalar]:
    """A row as plain values: personal columns masked, long texts cut."""
    return {
        str(name): MASK if name in personal and value is not None else plain(value)
        for name, value in row.items()
    }


def plain(value: object) -> Scalar:
    """A value that JSON can hold, a long text cut."""
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    if value is None or isinstance(value, (bool, int)):
        return value
    text = value.isoformat() if isinstance(value, date) else str(value)
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"


def _group(column: str | None) -> list[sa.ColumnClause[object]]:
    return [] if column is None else [sa.column(column)]


def _key(value: object) -> str:
    if isinstance(value, datetime):
        value = value.date()
    return value.isoformat() if isinstance(value, date) else str(value)
