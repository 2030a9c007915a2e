"""Writing feature views, a range of partitions at a time, on both engines."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from analytics_platform.adapters.feature_views import (
    ChangedFeatureView,
    FeatureTable,
    materialize,
)
from analytics_platform.adapters.warehouse import Value, Warehouse, open_warehouse
from analytics_platform.contracts.domain import Aggregate, FeatureSpec, FeatureView
from analytics_platform.core.feature_sql import Period
from analytics_platform.core.feature_types import InvalidFeatureView
from analytics_platform.settings import Settings, WarehouseSettings
from tests.support.feature_histories import (
    SPINE,
    START,
    SpineRow,
    add_events,
    view_of,
    write_tables,
)
from tests.support.feature_oracle import HistoryRow

ANN = (1, "ann")
DAYS = ("2024-02-28", "2024-02-29", "2024-03-01")
ALL = Period(date(2024, 2, 28), date(2024, 3, 2))
LEAP_DAY = Period(date(2024, 2, 29), date(2024, 3, 1))
ROWS = "select * from features.recent_events order by order_id"


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.system)])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    """A warehouse with three days of orders and of events."""
    server = WarehouseSettings()
    if request.param == "postgres":
        url = SecretStr(request.getfixturevalue("postgres_database"))
        server = WarehouseSettings(kind="postgres", url=url)
    opened = open_warehouse(Settings(home=tmp_path, warehouse=server))
    spine = [
        SpineRow(
            i, ANN, START + timedelta(hours=i), (START + timedelta(hours=i)).date()
        )
        for i in range(40)
    ]
    events = [event(hour) for hour in range(-5, 40)]
    with opened.exclusive(), opened.session() as session:
        write_tables(session, events, spine)
    return opened


def event(hour: float, amount: int = 3, known: float | None = None) -> HistoryRow:
    happened = START + timedelta(hours=hour)
    known_at = START + timedelta(hours=hour if known is None else known)
    return HistoryRow(ANN, happened, known_at, amount, 0.1, True, "a")


def spec(name: str = "spent", aggregate: Aggregate = Aggregate.SUM) -> FeatureSpec:
    return FeatureSpec(
        name=name,
        description="Spent within three hours.",
        aggregate=aggregate,
        expression="amount",
        length=timedelta(hours=3),
    )


def write(
    warehouse: Warehouse, period: Period = ALL, view: FeatureView | None = None
) -> FeatureTable:
    return materialize(warehouse, view or view_of([spec()]), SPINE, period)


def rows(warehouse: Warehouse, sql: str = ROWS) -> list[tuple[Value, ...]]:
    with warehouse.session() as session:
        return session.rows(sql)


def run(warehouse: Warehouse, sql: str) -> None:
    with warehouse.exclusive(), warehouse.session() as session:
        session.execute(sql)


def test_every_order_gets_a_row_and_rows_are_counted_by_partition(
    warehouse: Warehouse,
) -> None:
    table = write(warehouse)
    # 23:50 on the 28th is the first order; then one each hour.
    assert table.rows == dict(zip(DAYS, (1, 24, 15), strict=True))
    assert list(table.columns) == [
        *("order_id", "history", "customer", "cutoff", "partition_date", "spent")
    ]
    assert [row[-1] for row in rows(warehouse)] == [9.0] * 40


def test_one_partition_again_changes_that_partition_only(warehouse: Warehouse) -> None:
    write(warehouse)
    before = rows(warehouse)
    run(warehouse, "update staging.events set amount = 5")
    table = write(warehouse, LEAP_DAY)
    after = rows(warehouse)
    assert list(table.rows) == ["2024-02-29"]
    changed = {str(a[4])[:10] for a, b in zip(after, before, strict=True) if a != b}
    assert changed == {"2024-02-29"}
    # The first order of the leap day sees the hours before midnight.
    assert [row[-1] for row in after[1:25]] == [15.0] * 24


def test_one_partition_again_from_the_same_data_is_identical(
    warehouse: Warehouse,
) -> None:
    write(warehouse)
    before = rows(warehouse)
    write(warehouse, LEAP_DAY)
    assert rows(warehouse) == before


def test_partitions_one_by_one_equal_all_at_once(warehouse: Warehouse) -> None:
    write(warehouse)
    at_once = rows(warehouse)
    run(warehouse, "drop table features.recent_events")
    for day in reversed(DAYS):
        first = date.fromisoformat(day)
        write(warehouse, Period(first, first + timedelta(days=1)))
    assert rows(warehouse) == at_once


def test_what_becomes_known_later_leaves_old_features_alone(
    warehouse: Warehouse,
) -> None:
    write(warehouse)
    before = rows(warehouse)
    late = [event(hour, amount=1000, known=60) for hour in range(-5, 40)]
    with warehouse.exclusive(), warehouse.session() as session:
        add_events(session, late)
    write(warehouse)
    assert rows(warehouse) == before


def test_partition_that_has_become_empty_is_emptied(warehouse: Warehouse) -> None:
    write(warehouse)
    run(warehouse, "delete from marts.orders where partition_date = date '2024-02-29'")
    assert write(warehouse, LEAP_DAY).rows == {}
    assert len(rows(warehouse)) == 16


def test_failure_leaves_the_table_as_it_was(warehouse: Warehouse) -> None:
    write(warehouse)
    before = rows(warehouse)
    run(warehouse, "alter table staging.events rename column amount to cost")
    with pytest.raises(InvalidFeatureView, match="has no column amount"):
        write(warehouse)
    assert rows(warehouse) == before


def test_changed_declaration_needs_all_partitions_in_one_run(
    warehouse: Warehouse,
) -> None:
    write(warehouse)
    wider = view_of([spec(), spec("payments", Aggregate.COUNT)])
    with pytest.raises(ChangedFeatureView) as refused:
        write(warehouse, LEAP_DAY, wider)
    assert refused.value.changed == ["payments"]
    assert len(rows(warehouse)) == 40
    write(warehouse, ALL, wider)
    assert [row[-2:] for row in rows(warehouse)] == [(9.0, 3)] * 40


def test_changed_type_of_a_feature_counts_as_a_change(warehouse: Warehouse) -> None:
    write(warehouse, view=view_of([spec(aggregate=Aggregate.COUNT)]))
    mean = view_of([spec(aggregate=Aggregate.MEAN)])
    with pytest.raises(ChangedFeatureView, match="changed: spent"):
        write(warehouse, LEAP_DAY, mean)


def test_no_scratch_table_stays_behind(warehouse: Warehouse) -> None:
    write(warehouse)
    found = rows(
        warehouse,
        "select table_name from information_schema.tables "
        "where table_schema = 'features'",
    )
    assert found == [("recent_events",)]
