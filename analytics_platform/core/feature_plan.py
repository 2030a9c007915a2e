"""Sorts a view's features into what one pass over its source must keep for each."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from analytics_platform.contracts.domain import Aggregate, FeatureSpec, FeatureView
from analytics_platform.core.expression_sql import compile_sql
from analytics_platform.core.expressions import (
    Arithmetic,
    Branch,
    Case,
    Coalesce,
    Column,
    Constant,
    IsNull,
    Negation,
    Node,
    children,
)
from analytics_platform.core.feature_types import is_whole_type
from analytics_platform.core.features import expressions_of

Group = Literal["tally", "latest", "extreme"]

_GROUPS: dict[Aggregate, Group] = {
    Aggregate.COUNT: "tally",
    Aggregate.SUM: "tally",
    Aggregate.MEAN: "tally",
    Aggregate.LATEST: "latest",
    Aggregate.MIN: "extreme",
    Aggregate.MAX: "extreme",
}


@dataclass(frozen=True)
class Value:
    """What a row contributes, as DuckDB SQL; null if the filter does not hold.

    `counted_by` is the index of the first value that is null in the same rows.
    """

    index: int
    sql: str
    is_whole: bool
    counted_by: int


@dataclass(frozen=True)
class Window:
    """The stretch of event time before a cut-off that a feature looks at."""

    lag: timedelta
    length: timedelta


@dataclass(frozen=True)
class Planned:
    """A feature with its value and window."""

    feature: FeatureSpec
    value: Value
    window: Window

    @property
    def group(self) -> Group:
        """How it is computed: by running totals, by rank or from all pairs."""
        return _GROUPS[self.feature.aggregate]


@dataclass(frozen=True)
class Plan:
    """All features of a view, in order; equal values share one `Value`."""

    features: tuple[Planned, ...]

    def of(self, group: Group) -> tuple[Planned, ...]:
        """The features computed in that way."""
        return tuple(item for item in self.features if item.group == group)

    def values(self, group: Group | None = None) -> list[Value]:
        """The distinct values of a group (of all, by default), by index."""
        chosen = self.features if group is None else self.of(group)
        return sorted({item.value for item in chosen}, key=lambda value: value.index)

    def windows(self) -> list[Window]:
        """The distinct windows that rows leave again."""
        return list(dict.fromkeys(item.window for item in self.of("tally")))

    def lags(self) -> list[timedelta]:
        """The distinct lags with which rows become visible to running features."""
        running = (*self.of("tally"), *self.of("latest"))
        return list(dict.fromkeys(item.window.lag for item in running))


def plan_features(view: FeatureView, types: Mapping[str, str]) -> Plan:
    """The plan for `view`, whose source has columns of the engine's `types`."""
    values: dict[str, Value] = {}
    counted: dict[str, int] = {}
    planned = []
    for feature in view.features:
        parsed = expressions_of(feature)
        condition = compile_sql(parsed.filter) if parsed.filter else "true"
        sql = compile_sql(parsed.value)
        if parsed.filter:
            sql = f"case when {condition} then {sql} end"
        if sql not in values:
            pattern = sql if _can_be_null(parsed.value.root) else condition
            counted_by = counted.setdefault(pattern, len(values))
            whole = _is_whole(parsed.value.root, types)
            values[sql] = Value(len(values), sql, whole, counted_by)
        window = Window(feature.lag, feature.length)
        planned.append(Planned(feature, values[sql], window))
    return Plan(tuple(planned))


def _can_be_null(node: Node | Branch) -> bool:
    match node:
        case Constant():
            return node.value is None
        case Column():
            return True
        case IsNull():
            return False
        case Branch():
            return _can_be_null(node.result)
        case Coalesce():
            return all(_can_be_null(part) for part in node.operands)
    divides = isinstance(node, Arithmetic) and node.operator == "/"
    return divides or any(_can_be_null(part) for part in children(node))


def _is_whole(node: Node | Branch, types: Mapping[str, str]) -> bool:
    """Whether every value of `node` is a whole number, which doubles add exactly."""
    match node:
        case Constant():
            return not isinstance(node.value, float) or node.value.is_integer()
        case Column():
            return is_whole_type(types[node.name])
        case Branch():
            return _is_whole(node.result, types)
    keeps = isinstance(node, Arithmetic | Negation | Case | Coalesce)
    divides = isinstance(node, Arithmetic) and node.operator == "/"
    return (
        keeps and not divides and all(_is_whole(part, types) for part in children(node))
    )
