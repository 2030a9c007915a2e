"""What feature views are made of: their tables, reach, lineage and column types."""

from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256

from analytics_platform.contracts.domain import (
    Aggregate,
    FeatureSpec,
    FeatureView,
    Partitions,
    Spine,
)
from analytics_platform.core.expressions import Expression, Kind, parse
from analytics_platform.core.partitions import keys, next_start, start_of
from analytics_platform.errors import InvalidUsage

SCHEMA = "features"
CUTOFF = "cutoff"
PARTITION_DATE = "partition_date"

_NUMERIC = {Aggregate.SUM, Aggregate.MEAN, Aggregate.MIN, Aggregate.MAX}


@dataclass(frozen=True)
class FeatureExpressions:
    """A feature's parsed value and filter."""

    value: Expression
    filter: Expression | None


def relation_of(source: str) -> str:
    """The warehouse's `schema.table` of a source named in a declaration."""
    return source if "." in source else f"marts.{source}"


def feature_relation(view: FeatureView) -> str:
    """The table that holds the view's features, as `schema.table`."""
    return f"{SCHEMA}.{view.name}"


def expressions_of(feature: FeatureSpec) -> FeatureExpressions:
    """The feature's expressions, each of the kind that its aggregate takes."""
    kind = Kind.NUMBER if feature.aggregate in _NUMERIC else None
    return FeatureExpressions(
        parse(feature.expression, kind),
        parse(feature.filter, Kind.BOOLEAN) if feature.filter else None,
    )


def reach(view: FeatureView) -> timedelta:
    """How long before a cut-off the oldest row that matters may have happened."""
    return max(feature.lag + feature.length for feature in view.features)


def reach_back(view: FeatureView, partitions: Partitions) -> int:
    """How many partitions before its own a partition of the view is built from."""
    span = reach(view) + view.skew
    starts = (date.fromisoformat(key) for key in keys(partitions))
    return max((_starts_within(partitions, start, span) for start in starts), default=0)


def output_columns(view: FeatureView, spine: Spine) -> tuple[str, ...]:
    """The columns of the view's table: key, entity, cut-off, partition, features.

    Raises:
        InvalidUsage: a name occurs twice.
    """
    entity = [name for name in view.entity if name not in spine.key]
    names = [feature.name for feature in view.features]
    columns = (*spine.key, *entity, CUTOFF, PARTITION_DATE, *names)
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise InvalidUsage(
            f"The feature view {view.name!r} uses {', '.join(twice)} twice.",
            hint="Give its features names other than its key's and entity's.",
        )
    return columns


def spine_entity(view: FeatureView) -> tuple[str, ...]:
    """The spine's names of the view's entity columns, in the same order."""
    return view.spine_entity or view.entity


def source_columns(view: FeatureView) -> dict[str, tuple[str, ...]]:
    """Per feature, the columns of the view's source that its value depends on."""
    always = {*view.entity, view.event_time, view.knowledge_time}
    if view.where:
        always |= set(parse(view.where, Kind.BOOLEAN).columns)
    found = {}
    for feature in view.features:
        parsed = expressions_of(feature)
        used = set(parsed.value.columns)
        if parsed.filter:
            used |= set(parsed.filter.columns)
        found[feature.name] = tuple(sorted(always | used))
    return found


def column_sources(
    view: FeatureView, spine: Spine
) -> dict[str, tuple[tuple[str, str], ...]]:
    """Per column of the view's table, the (relation, column) pairs behind it."""
    rows, history = relation_of(spine.source), relation_of(view.source)
    entity = spine_entity(view)
    same = {name: name for name in spine.key} | dict(
        zip(view.entity, entity, strict=True)
    )
    same |= {CUTOFF: spine.cutoff, PARTITION_DATE: spine.partition_date}
    looked_up = [(rows, name) for name in (*entity, spine.cutoff)]
    by_feature = source_columns(view)
    return {
        name: ((rows, same[name]),)
        if name in same
        else tuple(
            sorted({*looked_up, *((history, column) for column in by_feature[name])})
        )
        for name in output_columns(view, spine)
    }


def definition_version(view: FeatureView, spine: Spine) -> str:
    """A short hash of all that decides the view's values."""
    declared = view.model_dump_json(exclude={"description", "owner", "ttl"})
    return sha256((declared + spine.model_dump_json()).encode()).hexdigest()[:16]


def _starts_within(partitions: Partitions, start: date, span: timedelta) -> int:
    """How many partitions before the one at `start` overlap the `span` before it."""
    earlier = start_of(partitions, start - _whole_days(span))
    count = 0
    while earlier < start:
        earlier = next_start(partitions, earlier)
        count += 1
    return count


def _whole_days(span: timedelta) -> timedelta:
    return timedelta(days=-(-span // timedelta(days=1)))
