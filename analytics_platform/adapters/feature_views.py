"""Writes feature views into the warehouse, a range of partitions at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from analytics_platform.adapters.warehouse import Session, Warehouse
from analytics_platform.contracts.domain import FeatureView, Spine
from analytics_platform.core.feature_sql import Period, point_in_time_sql
from analytics_platform.core.feature_types import check_types
from analytics_platform.core.features import (
    PARTITION_DATE,
    SCHEMA,
    feature_relation,
    relation_of,
)
from analytics_platform.errors import InvalidUsage
from analytics_platform.observability import get_logger

log = get_logger(__name__)


@dataclass(frozen=True)
class FeatureTable:
    """What was written: rows by partition start, columns with the engine's types."""

    rows: dict[str, int]
    columns: dict[str, str]


class ChangedFeatureView(InvalidUsage):
    """A view whose table was built from another declaration, with other columns."""

    def __init__(self, view: str, changed: list[str]) -> None:
        self.view = view
        self.changed = changed
        super().__init__(
            f"features.{view} was built from another declaration of the view "
            f"(changed: {', '.join(changed)}), and not all of its partitions are in "
            "this run.",
            hint="Materialize all partitions that it has in one run.",
        )


def materialize(
    warehouse: Warehouse, view: FeatureView, spine: Spine, period: Period
) -> FeatureTable:
    """Compute the view's rows of `period` and put them in place of what was there.

    Raises:
        InvalidFeatureView: its declaration does not fit the tables it reads.
        ChangedFeatureView: its columns changed and other partitions would be lost.
    """
    relation = feature_relation(view)
    with warehouse.exclusive(), warehouse.session() as session:
        query = _query(session, warehouse.dialect, view, spine, period)
        with session.transaction():
            session.execute(f"create schema if not exists {SCHEMA}")
            _make_room(session, view, query, period)
            session.execute(f"insert into {relation} {query}")
        table = FeatureTable(
            _rows_by_partition(session, relation, period), session.columns(relation)
        )
    log.info("features_materialized", view=view.name, rows=sum(table.rows.values()))
    return table


def _query(
    session: Session, dialect: str, view: FeatureView, spine: Spine, period: Period
) -> str:
    types = session.columns(relation_of(view.source))
    check_types(view, spine, types, session.columns(relation_of(spine.source)))
    return point_in_time_sql(view, spine, types, period=period, dialect=dialect)


def _make_room(session: Session, view: FeatureView, query: str, period: Period) -> None:
    """Empty the range, in a table that has the query's columns."""
    relation = feature_relation(view)
    found, wanted = session.columns(relation), _shape(session, relation, query)
    is_same = list(found.items()) == list(wanted.items())
    if found and not is_same:
        if _has_rows_beyond(session, relation, period):
            names = {name for name, _ in found.items() ^ wanted.items()}
            raise ChangedFeatureView(view.name, sorted(names) or ["column order"])
        session.execute(f"drop table {relation}")
    if not is_same:
        session.execute(f"create table {relation} as {_empty(query)}")
    session.execute(
        f"delete from {relation} where {PARTITION_DATE} >= :first "
        f"and {PARTITION_DATE} < :until",
        _parameters(period),
    )


def _shape(session: Session, relation: str, query: str) -> dict[str, str]:
    scratch = f"{relation}__shape"
    session.execute(f"create table {scratch} as {_empty(query)}")
    columns = session.columns(scratch)
    session.execute(f"drop table {scratch}")
    return columns


def _empty(query: str) -> str:
    return f"select * from ({query}) as shape where 1 = 0"


def _has_rows_beyond(session: Session, relation: str, period: Period) -> bool:
    beyond = session.rows(
        f"select 1 from {relation} where {PARTITION_DATE} < :first "
        f"or {PARTITION_DATE} >= :until limit 1",
        _parameters(period),
    )
    return bool(beyond)


def _rows_by_partition(
    session: Session, relation: str, period: Period
) -> dict[str, int]:
    counted = session.rows(
        f"select {PARTITION_DATE}, count(*) from {relation} "
        f"where {PARTITION_DATE} >= :first and {PARTITION_DATE} < :until "
        f"group by {PARTITION_DATE} order by {PARTITION_DATE}",
        _parameters(period),
    )
    return {str(day)[:10]: int(str(rows)) for day, rows in counted}


def _parameters(period: Period) -> Mapping[str, date]:
    return {"first": period.first, "until": period.until}
