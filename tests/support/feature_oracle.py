"""A feature by its definition: every row looked at for every cut-off, in plain Python.

It shares nothing with the compiler: expressions are given as Python functions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import fsum

from analytics_platform.contracts.domain import Aggregate, FeatureSpec

Scalar = float | str | bool | None


@dataclass(frozen=True)
class HistoryRow:
    """One row of a source: what happened to an entity, and when that was known."""

    entity: tuple[int, str | None]
    happened: datetime | None
    known: datetime | None
    amount: int | None
    ratio: float | None
    flag: bool | None
    note: str | None


Read = Callable[[HistoryRow], Scalar]


@dataclass(frozen=True)
class OracleFeature:
    """A feature with its expression and filter as Python functions."""

    spec: FeatureSpec
    value: Read
    holds: Callable[[HistoryRow], bool]


def feature_at(
    feature: OracleFeature, rows: Sequence[HistoryRow], cutoff: datetime
) -> Scalar:
    """The feature's value at `cutoff`, given all rows of the entity."""
    spec = feature.spec
    newest = cutoff - spec.lag
    oldest = newest - spec.length
    seen: list[tuple[datetime, datetime, Scalar]] = []
    for row in rows:
        if row.happened is None or row.known is None:
            continue
        if oldest < row.happened <= newest and row.known <= cutoff:
            value = feature.value(row)
            if feature.holds(row) and value is not None:
                seen.append((row.happened, row.known, value))
    return _aggregate(spec.aggregate, seen)


def _aggregate(
    aggregate: Aggregate, seen: list[tuple[datetime, datetime, Scalar]]
) -> Scalar:
    if aggregate is Aggregate.COUNT:
        return len(seen)
    if not seen:
        return None
    if aggregate is Aggregate.LATEST:
        return max(seen, key=lambda row: (row[0], row[1], row[2]))[2]
    numbers = [float(value) for _, _, value in seen if value is not None]
    if aggregate is Aggregate.SUM:
        return fsum(numbers)
    if aggregate is Aggregate.MEAN:
        return fsum(numbers) / len(numbers)
    return min(numbers) if aggregate is Aggregate.MIN else max(numbers)
