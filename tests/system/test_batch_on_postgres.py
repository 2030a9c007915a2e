"""The whole batch on PostgreSQL gives what it gives on DuckDB."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from pydantic import SecretStr

from analytics_platform.adapters.warehouse import Session, Warehouse, open_warehouse
from analytics_platform.contracts.records import ColumnProfile
from analytics_platform.settings import Settings, WarehouseSettings
from tests.support.commands import Commands, Ended
from tests.support.marts import OF_THE_HOME
from tests.support.postgres import new_database
from tests.system.conftest import FIRST, LAST, NewHome

pytestmark = pytest.mark.system

# What names the instant at which a home first saw a plane.
LEFT_OUT = {OF_THE_HOME, "valid_from_utc", "valid_to_utc"}


@pytest.fixture(scope="module")
def database(postgres_url: str) -> Iterator[str]:
    with new_database(postgres_url) as url:
        yield url


@pytest.fixture(scope="module")
def home(new_home: NewHome, database: str) -> Commands:
    """A home whose tables are in PostgreSQL."""
    found = new_home()
    server = {
        "ANALYTICS_WAREHOUSE__KIND": "postgres",
        "ANALYTICS_WAREHOUSE__URL": database,
    }
    return replace(found, variables={**found.variables, **server})


@pytest.fixture(scope="module")
def ended(home: Commands) -> Ended:
    """Every asset, models and report too, where `built` ends with the snapshot."""
    return home.run("materialize", "--from", FIRST, "--to", LAST)


@pytest.fixture(scope="module")
def postgres(home: Commands, ended: Ended, database: str) -> Warehouse:
    assert ended.code == 0, ended.text
    warehouse = WarehouseSettings(kind="postgres", url=SecretStr(database))
    return open_warehouse(Settings(home=home.folder, warehouse=warehouse))


@pytest.fixture(scope="module")
def duckdb(built: Commands) -> Warehouse:
    return open_warehouse(Settings(home=built.folder))


def test_everything_is_built_up_to_the_models_and_the_report(
    home: Commands, ended: Ended
) -> None:
    assert ended.code == 0, ended.text
    assert "failed" not in ended.text
    built = home.inside.materialized()
    for asset in ("published/snapshot", "reports/flight_operations"):
        assert built[asset, None] == 1
    assert not (home.folder / "warehouse.duckdb").exists()


def test_every_table_holds_the_same_rows(
    postgres: Warehouse, duckdb: Warehouse
) -> None:
    with duckdb.session() as here, postgres.session() as there:
        tables = tables_of(here)
        assert tables_of(there) == tables
        assert {"marts.fct_flights", "marts.mart_route_performance"} < {*tables}
        assert len([name for name in tables if name.startswith("features.")]) == 5
        for table in tables:
            columns = compared_columns(here, table)
            assert columns == compared_columns(there, table)
            assert rows_of(there, table, columns) == rows_of(here, table, columns), (
                table
            )


def test_every_check_says_the_same(
    home: Commands, built: Commands, postgres: Warehouse
) -> None:
    del postgres  # is built
    here, there = verdicts_of(built), verdicts_of(home)
    assert len(here) > 200
    assert {key: there.get(key) for key in here} == here


def test_every_profile_is_the_same(
    home: Commands, built: Commands, postgres: Warehouse
) -> None:
    del postgres
    here, there = profiles_of(built), profiles_of(home)
    assert ("marts/fct_flights", "is_cancelled") in here
    assert {key: there.get(key) for key in here} == here


def tables_of(session: Session) -> list[str]:
    found = session.rows(
        "select table_schema || '.' || table_name from information_schema.tables "
        "where table_schema in ('marts', 'features') order by 1"
    )
    return [str(name) for (name,) in found]


def compared_columns(session: Session, table: str) -> list[str]:
    return [name for name in session.columns(table) if name not in LEFT_OUT]


def rows_of(session: Session, table: str, columns: list[str]) -> list[str]:
    found = session.rows(f"select {', '.join(columns)} from {table}")
    return sorted("|".join(map(shown, row)) for row in found)


def shown(value: object) -> str:
    """A value whatever the engine's type for it."""
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int | float | Decimal):
        return repr(float(value))
    if isinstance(value, datetime):
        naive = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return naive.isoformat()
    return value.isoformat() if isinstance(value, date) else str(value)


def verdicts_of(
    home: Commands,
) -> dict[tuple[str, str | None, str], tuple[object, ...]]:
    return {
        (one.asset, one.partition, one.check): (
            one.passed,
            one.known_defect,
            one.failing_rows,
            one.total_rows,
        )
        for one in home.inside.resources().store.verdicts.latest()
    }


def profiles_of(home: Commands) -> dict[tuple[str, str], tuple[object, ...]]:
    store = home.inside.resources().store
    assets = {one.asset for one in store.verdicts.latest()}
    return {
        (asset, column.name): _profile(column)
        for asset in assets
        for found in store.profiles.latest(asset, count=1)
        for column in found.columns
        if column.name not in LEFT_OUT
    }


def _profile(column: ColumnProfile) -> tuple[object, ...]:
    # Means of fractions depend on the order in which an engine sums them.
    mean = None if column.mean is None else f"{column.mean:.12g}"
    ends = (column.minimum, column.maximum)
    return (
        mean,
        *map(shown, (column.null_share, column.distinct, *ends)),
        *map(shown, column.quantiles.values()),
        *((shown(value), count) for value, count in column.top_values),
        *column.histogram_counts,
    )
