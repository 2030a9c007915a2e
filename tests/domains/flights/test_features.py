"""The reference domain's features on its real models."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from analytics_platform.adapters.duckdb_warehouse import DuckDBWarehouse
from analytics_platform.adapters.feature_views import materialize
from analytics_platform.adapters.warehouse import Value
from analytics_platform.contracts.domain import Aggregate, FeatureSpec, FeatureView
from analytics_platform.core.feature_sql import Period
from analytics_platform.core.features import reach_back, relation_of, spine_entity
from analytics_platform.domains.flights import DOMAIN
from analytics_platform.domains.flights.features import FEATURE_VIEWS, SPINE
from analytics_platform.settings import Settings
from tests.support.flight_warehouse import copy_home

YEAR = Period(date(2013, 1, 1), date(2014, 1, 1))
# Between the departures of the second of June, in UTC.
PRESENT = "timestamp '2013-06-02 16:00:00'"


@pytest.fixture(scope="module")
def featured_home(built_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with all models and feature views, of the first two days of each month."""
    home = tmp_path_factory.mktemp("featured")
    build_all(DuckDBWarehouse(copy_home(built_home, home / "home")))
    return home / "home"


@pytest.fixture
def warehouse(featured_home: Path) -> DuckDBWarehouse:
    """To be read only."""
    return DuckDBWarehouse(Settings(home=featured_home))


@pytest.fixture
def own_warehouse(featured_home: Path, tmp_path: Path) -> DuckDBWarehouse:
    """A copy, which the test may change."""
    return DuckDBWarehouse(copy_home(featured_home, tmp_path / "home"))


def build_all(warehouse: DuckDBWarehouse) -> None:
    for view in FEATURE_VIEWS:
        materialize(warehouse, view, SPINE, YEAR)


def rows(warehouse: DuckDBWarehouse, sql: str) -> list[tuple[Value, ...]]:
    with warehouse.session() as session:
        return session.rows(sql)


def test_every_flight_has_one_row_in_every_view(warehouse: DuckDBWarehouse) -> None:
    flights = rows(warehouse, "select flight_key from marts.fct_flights order by 1")
    for view in FEATURE_VIEWS:
        found = rows(
            warehouse, f"select flight_key from features.{view.name} order by 1"
        )
        assert found == flights


def test_no_feature_is_always_missing(warehouse: DuckDBWarehouse) -> None:
    for view in FEATURE_VIEWS:
        for spec in view.features:
            [(share,)] = rows(
                warehouse,
                f"select count({spec.name}) / count(*) from features.{view.name}",
            )
            assert isinstance(share, float)
            assert share > 0.1, spec.name


def test_sampled_rows_equal_a_plain_join_over_the_window(
    warehouse: DuckDBWarehouse,
) -> None:
    for view in FEATURE_VIEWS:
        for spec in view.features:
            assert rows(warehouse, _differences(view, spec)) == [], (
                view.name,
                spec.name,
            )


def test_no_flight_is_known_before_its_own_prediction(
    warehouse: DuckDBWarehouse,
) -> None:
    cutoff = f"scheduled_departure_utc - {_seconds(SPINE.ahead)}"
    told_early = (
        f"select flight_key from marts.fct_flights where known_at_utc <= {cutoff} "
        f"or actual_departure_utc <= {cutoff}"
    )
    assert rows(warehouse, told_early) == []


def test_what_happens_later_changes_no_feature_of_the_present(
    own_warehouse: DuckDBWarehouse,
) -> None:
    before = [_known_at_present(own_warehouse, view) for view in FEATURE_VIEWS]
    with own_warehouse.session() as session:
        session.execute(
            "update marts.fct_flights set arrival_delay_minutes = 999, "
            "is_cancelled = not is_cancelled, is_late = not is_late "
            f"where known_at_utc > {PRESENT}"
        )
        session.execute(
            "update marts.fct_flights set departure_delay_minutes = 999 "
            f"where actual_departure_utc > {PRESENT}"
        )
        session.execute(
            "update raw.weather set temp = 150, precip = 9, visib = 0 "
            f"where time_hour + interval 1 hour > {PRESENT}"
        )
    build_all(own_warehouse)
    assert [_known_at_present(own_warehouse, view) for view in FEATURE_VIEWS] == before
    changed = rows(
        own_warehouse,
        "select max(temperature), max(arrival_delay_3h) from "
        "features.origin_weather join features.carrier_punctuality using (flight_key)",
    )
    assert changed == [(150.0, 999.0)]


def test_spine_columns_are_known_before_departure() -> None:
    for model in DOMAIN.models:
        assert not set(SPINE.columns) & set(model.leaks)


def test_events_lie_within_the_declared_skew_of_their_partition(
    warehouse: DuckDBWarehouse,
) -> None:
    for view in FEATURE_VIEWS:
        [(furthest,)] = rows(
            warehouse,
            f"select max({view.event_time} - (partition_date + interval 1 month)) "
            f"from {relation_of(view.source)}",
        )
        assert isinstance(furthest, timedelta)
        assert furthest + SPINE.ahead < view.skew


def test_views_reach_back_one_month() -> None:
    assert {reach_back(view, DOMAIN.partitions) for view in FEATURE_VIEWS} == {1}


def _known_at_present(
    warehouse: DuckDBWarehouse, view: FeatureView
) -> list[tuple[Value, ...]]:
    found = rows(
        warehouse,
        f"select * from features.{view.name} where cutoff <= {PRESENT} "
        "order by flight_key",
    )
    assert any(value > datetime(2013, 6, 2, 12) for value in _cutoffs(found, view))  # noqa: DTZ001 - naive UTC
    return found


def _cutoffs(found: list[tuple[Value, ...]], view: FeatureView) -> Iterator[datetime]:
    for row in found:
        value = row[1 + len(view.entity)]
        assert isinstance(value, datetime)
        yield value


def _differences(view: FeatureView, spec: FeatureSpec) -> str:
    """Rows of every 97th flight whose feature is not that of its window's rows."""
    function = {
        Aggregate.MEAN: "avg({})",
        Aggregate.LATEST: "arg_max({0}, row(happened, known, {0}))",
    }.get(spec.aggregate, f"{spec.aggregate}({{}})")
    same = " and ".join(
        f"source.{theirs} = flight.{ours}"
        for theirs, ours in zip(view.entity, spine_entity(view), strict=True)
    )
    return f"""
    with flight as (
        select flights.*, f.cutoff, f.{spec.name} as got
        from marts.fct_flights as flights
        join features.{view.name} as f using (flight_key)
        where hash(flight_key) % 97 = 0
    ),
    source as (
        select *, {view.event_time} as happened,
            {view.knowledge_time} + {_seconds(view.known_after)}
                as known
        from {relation_of(view.source)}
    )
    select flight.flight_key, got, {function.format("wanted")} as expected
    from flight left join (
        select source.*, {spec.expression} as wanted from source
    ) as source
    on {same} and happened <= cutoff and known <= cutoff
        and happened > cutoff - {_seconds(spec.length)}
    group by flight.flight_key, got
    having got is distinct from expected
        and (got is null or expected is null or abs(got - expected) > 1e-9)
    """


def _seconds(delta: timedelta) -> str:
    return f"interval {delta.total_seconds():.0f} second"
