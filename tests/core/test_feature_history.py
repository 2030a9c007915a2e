"""Features in memory against their definition, row by row, in plain Python."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import numpy as np
import pytest

from analytics_platform.contracts.domain import Aggregate, FeatureSpec
from analytics_platform.core.expression_arrays import Values
from analytics_platform.core.expressions import Kind
from analytics_platform.core.feature_history import FeatureHistory, SourceRows
from tests.support.feature_histories import (
    START,
    random_history,
    random_spine,
    random_view,
    same,
    view_of,
)
from tests.support.feature_oracle import HistoryRow, feature_at

HOUR = timedelta(hours=1)


def micros(instant: datetime | None) -> int | None:
    if instant is None:
        return None
    return round(instant.replace(tzinfo=UTC).timestamp() * 1_000_000)


def rows_of(events: Sequence[HistoryRow]) -> SourceRows:
    def instants(name: str) -> Values:
        found = [micros(getattr(event, name)) for event in events]
        data = np.array([one or 0 for one in found], dtype=np.int64)
        return Values(data, np.array([one is not None for one in found], dtype=bool))

    kinds = {
        "amount": Kind.NUMBER,
        "ratio": Kind.NUMBER,
        "flag": Kind.BOOLEAN,
        "note": Kind.TEXT,
    }
    entities = sorted({event.entity for event in events if None not in event.entity})
    places = {entity: place for place, entity in enumerate(entities)}
    codes = [places.get(event.entity, -1) for event in events]
    return SourceRows(
        entities=entities,
        codes=np.array(codes, dtype=np.int64),
        event_us=instants("happened"),
        known_us=instants("known"),
        columns={
            name: Values.of([getattr(event, name) for event in events], kind)
            for name, kind in kinds.items()
        },
    )


@pytest.mark.parametrize("seed", range(12))
def test_random_histories_give_what_the_definition_says(seed: int) -> None:
    random = Random(seed)  # noqa: S311 - repeatable, not secret
    view, features = random_view(random)
    events, spine = [], []
    for number in range(40):
        events += random_history(random, number)
        spine += random_spine(random, number)
    cutoffs = np.array([micros(row.cutoff) for row in spine], dtype=np.int64)
    got = FeatureHistory(view, rows_of(events)).at(
        [row.entity for row in spine], cutoffs
    )
    for feature, values in zip(features, got, strict=True):
        for row, value in zip(spine, values.to_list(), strict=True):
            known = [
                event
                for event in events
                if event.entity == row.entity and None not in event.entity
            ]
            wanted = feature_at(feature, known, row.cutoff)
            assert same(value, wanted), (feature.spec, row, value, wanted)


def spec(aggregate: Aggregate, expression: str = "amount") -> FeatureSpec:
    return FeatureSpec(
        name=aggregate.value,
        description="",
        aggregate=aggregate,
        expression=expression,
        length=HOUR,
    )


def event(minutes: int, amount: int, known_after: int = 0) -> HistoryRow:
    happened = START + timedelta(minutes=minutes)
    known = happened + timedelta(minutes=known_after)
    return HistoryRow((1, "ann"), happened, known, amount, None, None, None)


def test_a_window_holds_its_last_instant_but_not_its_first() -> None:
    # cut-off at 60:  0 |------ 60 min ------| 60
    view = view_of([spec(Aggregate.COUNT), spec(Aggregate.MAX)])
    history = FeatureHistory(view, rows_of([event(0, 9), event(1, 5), event(60, 7)]))
    cutoff = micros(START + HOUR)
    count, greatest = history.at([(1, "ann")], np.array([cutoff]))
    assert (count.to_list(), greatest.to_list()) == ([2.0], [7.0])


def test_what_is_known_later_is_not_seen() -> None:
    view = view_of([spec(Aggregate.SUM), spec(Aggregate.LATEST)])
    history = FeatureHistory(view, rows_of([event(10, 4), event(20, 100, 60)]))
    early, late = micros(START + HOUR), micros(START + timedelta(minutes=80))
    total, latest = history.at([(1, "ann")] * 2, np.array([early, late]))
    assert total.to_list() == [4.0, None]
    assert latest.to_list() == [4.0, None]


def test_an_unknown_entity_and_no_rows_have_no_features() -> None:
    every = [spec(one) for one in Aggregate]
    for rows in ([], [event(10, 4)]):
        history = FeatureHistory(view_of(every), rows_of(rows))
        got = history.at([(2, "bob")], np.array([micros(START + HOUR)]))
        by_name = dict(zip(Aggregate, [one.to_list() for one in got], strict=True))
        assert by_name.pop(Aggregate.COUNT) == [0.0]
        assert set(map(tuple, by_name.values())) == {(None,)}
