"""Compares a warehouse's features with the brute-force oracle."""

from collections.abc import Sequence
from datetime import date
from random import Random

from analytics_platform.adapters.warehouse import Session
from analytics_platform.contracts.domain import FeatureView
from analytics_platform.core.feature_sql import Period, point_in_time_sql
from tests.support.feature_histories import (
    SPINE,
    SpineRow,
    random_history,
    random_spine,
    random_view,
    same,
    write_tables,
)
from tests.support.feature_oracle import HistoryRow, OracleFeature, feature_at

EVER = Period(date(1900, 1, 1), date(2999, 1, 1))


def features_of(
    session: Session, view: FeatureView, dialect: str, period: Period = EVER
) -> list[tuple[object, ...]]:
    """The rows of the view's query: order_id, entity, cut-off, date, features."""
    types = session.columns(view.source)
    sql = point_in_time_sql(view, SPINE, types, period=period, dialect=dialect)
    return list(session.rows(sql))


def differences(
    got: Sequence[tuple[object, ...]],
    spine: Sequence[SpineRow],
    events: Sequence[HistoryRow],
    features: Sequence[OracleFeature],
) -> list[str]:
    """Where the query's rows differ from the oracle; empty if nowhere."""
    wanted = {row.order_id: row for row in spine}
    found = [] if len(got) == len(wanted) else [f"{len(got)} rows, not {len(wanted)}"]
    for order_id, _history, _customer, cutoff, _day, *values in got:
        assert isinstance(order_id, int)
        row = wanted[order_id]
        if cutoff != row.cutoff:
            found.append(f"{order_id}: cut-off {cutoff}, not {row.cutoff}")
        known = [
            event
            for event in events
            if event.entity == row.entity and None not in event.entity
        ]
        for feature, value in zip(features, values, strict=True):
            oracle = feature_at(feature, known, row.cutoff)
            if not same(value, oracle):
                found.append(f"{order_id} {feature.spec}: {value!r}, not {oracle!r}")
    return found


def check_random_histories(
    session: Session, dialect: str, *, seed: int, histories: int
) -> list[str]:
    """Differences over `histories` random histories under one random view."""
    random = Random(seed)  # noqa: S311 - repeatable, not secret
    view, features = random_view(random)
    events, spine = [], []
    for history in range(histories):
        events += random_history(random, history)
        spine += random_spine(random, history)
    write_tables(session, events, spine)
    by_history: dict[int, list[HistoryRow]] = {}
    for event in events:
        by_history.setdefault(event.entity[0], []).append(event)
    found = []
    got = features_of(session, view, dialect)
    for history in range(histories):
        found += differences(
            [row for row in got if row[1] == history],
            [row for row in spine if row.entity[0] == history],
            by_history.get(history, []),
            features,
        )
    return found
