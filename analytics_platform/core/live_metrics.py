"""Reads dbt's metrics as what a stream can compute: slots per event, then formulas.

A slot is a value that each event contributes; a metric is a formula over figures of the
slots (how many, sum, minimum, quantile ...). Whatever a stream cannot compute, or not
to the same result as the marts, is refused by name.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from analytics_platform.core.expressions import Expression
from analytics_platform.errors import InvalidUsage


class Figure(StrEnum):
    """What is known of a slot's values in a window; nulls never count."""

    COUNT = "count"
    SUM = "sum"
    MEAN = "mean"
    MIN = "min"
    MAX = "max"
    QUANTILE = "quantile"
    DISTINCT = "distinct"


@dataclass(frozen=True)
class Slot:
    """A value each event contributes, null where `where` is not true.

    `value` is None for a plain count of events. Equal slots are one slot.
    """

    value: Expression | None
    where: tuple[Expression, ...] = ()

    @property
    def columns(self) -> frozenset[str]:
        """The columns that it reads."""
        parts = [*self.where, *([self.value] if self.value else [])]
        return frozenset(name for part in parts for name in part.columns)


@dataclass(frozen=True)
class Reading:
    """One figure of one slot; null becomes `otherwise`; `rank` is a quantile's."""

    slot: Slot
    figure: Figure
    rank: float | None = None
    otherwise: float | None = None


@dataclass(frozen=True)
class Ratio:
    """A quotient, null where the denominator is zero or null."""

    numerator: "Formula"
    denominator: "Formula"


@dataclass(frozen=True)
class Derived:
    """An expression over other metrics, by their aliases."""

    expression: Expression
    inputs: tuple[tuple[str, "Formula"], ...]


Formula: TypeAlias = Reading | Ratio | Derived


@dataclass(frozen=True)
class LiveMetric:
    """A metric and how it follows from slots; `relation` holds the rows it is of."""

    name: str
    formula: Formula
    relation: str
    unit: str | None

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Every figure that the formula needs, in order of appearance."""
        return tuple(dict.fromkeys(_readings(self.formula)))


class BatchOnlyMetric(InvalidUsage):
    """A metric that a stream cannot compute; `why` says which part of it."""

    def __init__(self, metric: str, why: str) -> None:
        self.metric = metric
        self.why = why
        super().__init__(
            f"The metric {metric!r} cannot be computed live: {why}.",
            hint="Take it out of the live window, or define it with count, sum, "
            "average, min, max, percentile or count_distinct over expressions of the "
            "subset in core/expressions.",
        )


def _readings(formula: Formula) -> list[Reading]:
    match formula:
        case Reading():
            return [formula]
        case Ratio():
            return [*_readings(formula.numerator), *_readings(formula.denominator)]
    return [one for _, part in formula.inputs for one in _readings(part)]
