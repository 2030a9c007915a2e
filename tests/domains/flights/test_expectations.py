"""The reference domain's expectations on its real data: green, or as documented."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from analytics_platform.adapters.duckdb_warehouse import DuckDBWarehouse
from analytics_platform.adapters.expectation_batch import configuration_of
from analytics_platform.adapters.expectations import run_expectations
from analytics_platform.contracts.domain import Expectation
from analytics_platform.contracts.records import Verdict
from analytics_platform.core.quality import News, review, verdicts
from analytics_platform.domains.flights.expectations import (
    EXPECTATIONS,
    MODEL_CHECKS,
)
from analytics_platform.settings import Settings
from tests.support.flight_warehouse import load_raw_duckdb

MONTHS = tuple(f"2013-{month:02d}-01" for month in range(1, 13))
DATED = ("flights", "weather")
EVERY = [
    *(one for table in EXPECTATIONS.values() for one in table),
    *(one for check in MODEL_CHECKS for one in check.expectations),
]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> DuckDBWarehouse:
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    load_raw_duckdb(settings.duckdb_path)
    return DuckDBWarehouse(settings)


def judged(
    warehouse: DuckDBWarehouse, table: str, expectations: Iterable[Expectation]
) -> list[Verdict]:
    declared = list(expectations)
    partitions = MONTHS if table in DATED else None
    return verdicts(
        run_expectations(warehouse, f"raw.{table}", declared, partitions),
        declared,
        asset=f"raw/{table}",
        run_id="run",
        evaluated_at=datetime(2014, 1, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize("table", sorted(EXPECTATIONS))
def test_a_year_of_real_data_is_green_or_as_documented(
    warehouse: DuckDBWarehouse, table: str
) -> None:
    notices = review(judged(warehouse, table, EXPECTATIONS[table]))
    assert [one for one in notices if one.news is News.NEW] == []
    documented = [e for e in EXPECTATIONS[table] if e.expected_failure_rate]
    assert {one.check for one in notices} == {one.name for one in documented}


@pytest.mark.parametrize("table", sorted(EXPECTATIONS))
def test_documented_rates_are_the_true_ones(
    warehouse: DuckDBWarehouse, table: str
) -> None:
    documented = [e for e in EXPECTATIONS[table] if e.expected_failure_rate]
    found = judged(warehouse, table, documented)
    for one in documented:
        parts = [verdict for verdict in found if verdict.check == one.name]
        failing = sum(verdict.failing_rows for verdict in parts)
        total = sum(verdict.total_rows for verdict in parts)
        rate = one.expected_failure_rate or 0
        assert failing / total == pytest.approx(rate, abs=6e-5)
        worst = max(part.failing_rows / part.total_rows for part in parts)
        assert worst == pytest.approx(one.expected_failure_rate_max or rate, abs=6e-5)


@pytest.mark.parametrize("expectation", EVERY, ids=lambda one: str(one.name))
def test_every_declaration_is_one_that_great_expectations_knows(
    expectation: Expectation,
) -> None:
    assert configuration_of(expectation).type == expectation.type


@pytest.mark.parametrize(
    "expectations",
    [*EXPECTATIONS.values(), *(check.expectations for check in MODEL_CHECKS)],
)
def test_names_are_unique_and_defects_have_reasons(
    expectations: tuple[Expectation, ...],
) -> None:
    names = [one.name for one in expectations]
    assert len(set(names)) == len(names)
    for one in expectations:
        assert (one.expected_failure_rate is None) == (one.because is None)


# One spoiled row of March, and the check that must name it.
SPOILED = {
    "distance_in_range": "distance = -1",
    "origin_is_known": "origin = 'SFO'",
    "carrier_length": "carrier = 'LONG'",
    "departure_fits_delay": "dep_delay = dep_delay + 1",
    "arrival_needs_departure": "dep_delay = null, dep_time = null",
    "destination_is_elsewhere": "dest = origin",
    "speed_is_plausible": "air_time = 10, distance = 5000",
    "delay_made_up_is_plausible": "arr_delay = dep_delay + 500",
}


def test_each_spoiled_row_is_found_in_its_month_by_its_check(tmp_path: Path) -> None:
    warehouse = DuckDBWarehouse(Settings(home=tmp_path))
    load_raw_duckdb(warehouse.settings.duckdb_path, days_per_month=2)
    with warehouse.session() as session:
        rows = session.rows(
            "select rowid from raw.flights where month = 3 and air_time > 100 "
            f"and dest <> 'SFO' order by rowid limit {len(SPOILED)}"
        )
        for (row,), change in zip(rows, SPOILED.values(), strict=True):
            session.execute(f"update raw.flights set {change} where rowid = {row}")
    found = judged(warehouse, "flights", EXPECTATIONS["flights"])
    red = {(one.check, one.partition) for one in found if one.is_red}
    assert {(check, "2013-03-01") for check in SPOILED} == red
