"""Compiles a feature view to one point-in-time query, in the SQL of any warehouse."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from analytics_platform.contracts.domain import FeatureView, Spine
from analytics_platform.core.expression_sql import translate
from analytics_platform.core.feature_plan import plan_features
from analytics_platform.core.feature_query import FeatureQuery
from analytics_platform.core.features import (
    CUTOFF,
    PARTITION_DATE,
    output_columns,
    spine_entity,
)
from analytics_platform.core.sql_fragments import plus, quoted, relation


@dataclass(frozen=True)
class Period:
    """Partition dates from `first` (inclusive) to `until` (exclusive)."""

    first: date
    until: date


def point_in_time_sql(
    view: FeatureView,
    spine: Spine,
    source_types: Mapping[str, str],
    *,
    period: Period,
    dialect: str,
) -> str:
    """A query for the view's features of each spine row of `period`, by key.

    Its columns are `output_columns(view, spine)`. `source_types` are the engine's types
    of the source's columns. It binds no parameters.
    """
    query = _spine_rows(view, spine, period)
    sql = features_at(view, query, source_types, keys=len(spine.key))
    named = zip(_output(view, spine), output_columns(view, spine), strict=True)
    columns = ", ".join(f"{inner} as {quoted(outer)}" for inner, outer in named)
    order = ", ".join(f"k{index}" for index in range(len(spine.key)))
    sql = f"select {columns} from ({sql}) as featured order by {order}"
    return translate(sql, dialect)


def features_at(
    view: FeatureView, spine_query: str, types: Mapping[str, str], *, keys: int
) -> str:
    """DuckDB SQL for the features of each row of `spine_query`.

    That query gives k0.. (`keys` of them, identifying a row), e0.. (the entity), cutoff
    and partition_date; the result has them too, then the features f0.. in order.
    """
    plan = plan_features(view, types)
    query = FeatureQuery(
        view, plan, tuple(f"e{index}" for index in range(len(view.entity)))
    )
    parts = {"spine": spine_query, "moments": query.moments(), "events": query.events()}
    if plan.lags():
        parts |= {
            "changes": query.changes(),
            "placed": query.placed(),
            "deltas": query.deltas(),
            "running": query.running(),
        }
    if plan.of("extreme"):
        parts["extremes"] = query.extremes()
    clauses = ",\n".join(f"{name} as (\n{sql}\n)" for name, sql in parts.items())
    return f"with {clauses}\n{query.result(keys)}"


def cutoff_sql(spine: Spine) -> str:
    """DuckDB SQL for the instant of the prediction of a spine row."""
    return plus(f"cast({quoted(spine.cutoff)} as timestamp)", -spine.ahead)


def _spine_rows(view: FeatureView, spine: Spine, period: Period) -> str:
    columns = [f"{quoted(name)} as k{index}" for index, name in enumerate(spine.key)]
    columns += [
        f"{quoted(name)} as e{index}" for index, name in enumerate(spine_entity(view))
    ]
    day = quoted(spine.partition_date)
    columns += [f"{cutoff_sql(spine)} as {CUTOFF}", f"{day} as {PARTITION_DATE}"]
    return (
        f"select {', '.join(columns)} from {relation(spine.source)} "
        f"where {day} >= date '{period.first}' and {day} < date '{period.until}'"
    )


def _output(view: FeatureView, spine: Spine) -> list[str]:
    """The inner names of `output_columns`, in the same order."""
    names = [f"k{index}" for index in range(len(spine.key))]
    names += [
        f"e{index}" for index, name in enumerate(view.entity) if name not in spine.key
    ]
    names += [CUTOFF, PARTITION_DATE]
    return names + [f"f{index}" for index in range(len(view.features))]
