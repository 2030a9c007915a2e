"""The same project on PostgreSQL: the same rows, the same metrics, its rules hold."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from analytics_platform.adapters.dbt_project import DbtProject
from analytics_platform.adapters.postgres_warehouse import PostgresWarehouse
from analytics_platform.adapters.semantic_layer import MetricRequest, SemanticLayer
from analytics_platform.adapters.warehouse import open_warehouse
from analytics_platform.core.dbt_manifest import Model, read_models
from analytics_platform.settings import Settings, WarehouseSettings
from tests.support.flight_warehouse import build_everything, load_raw_postgres
from tests.support.metric_oracles import ORACLES
from tests.support.postgres import new_database

pytestmark = pytest.mark.system

MARCH = (date(2013, 3, 1), date(2013, 4, 1))


@pytest.fixture(scope="module")
def settings(
    postgres_url: str, built_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    with new_database(postgres_url) as url:
        found = Settings(
            home=tmp_path_factory.mktemp("postgres"),
            warehouse=WarehouseSettings(kind="postgres", url=SecretStr(url)),
        )
        warehouse = PostgresWarehouse(found)
        load_raw_postgres(warehouse, Settings(home=built_home).duckdb_path)
        result = build_everything(found, now=datetime(2013, 6, 1, tzinfo=UTC))
        assert not [one for one in result.nodes if one.status in ("error", "fail")]
        yield found


@pytest.fixture(scope="module")
def dbt(settings: Settings) -> DbtProject:
    return DbtProject(settings, open_warehouse(settings))


@pytest.fixture(scope="module")
def models(dbt: DbtProject) -> tuple[Model, ...]:
    return read_models(dbt.manifest())


def exact(rows: list[dict[str, object]], columns: set[str]) -> set[tuple[object, ...]]:
    return {tuple(row[name] for name in sorted(columns)) for row in rows}


def test_each_table_holds_the_rows_that_duckdb_holds(
    settings: Settings, models: tuple[Model, ...], built_home: Path
) -> None:
    ours, theirs = open_warehouse(settings), open_warehouse(Settings(home=built_home))
    with ours.session() as postgres, theirs.session() as duckdb:
        for model in models:
            if model.name == "time_spine_hourly":
                continue  # a view of 180,000 rows over the daily one
            names = {column.name for column in model.columns}
            query = f"select {', '.join(names)} from {model.relation}"
            left = postgres.arrow(query).to_pylist()
            right = duckdb.arrow(query).to_pylist()
            assert exact(left, names) == exact(right, names), model.name
            assert len(left) == len(right), model.name


def test_building_a_partition_again_gives_the_same_rows(dbt: DbtProject) -> None:
    def rows() -> list[tuple[object, ...]]:
        with dbt.warehouse.session() as session:
            return sorted(session.rows("select * from marts.fct_flights"), key=str)

    before = rows()
    dbt.build(["int_flights_timed", "int_weather_at_departure", "fct_flights"], MARCH)
    assert rows() == before


def test_the_rules_of_the_models_hold(dbt: DbtProject) -> None:
    names = [node["name"] for node in dbt.manifest()["unit_tests"].values()]
    results = dbt.runner.invoke(
        ["test", "--select", "test_type:unit"], dbt.warehouse.dbt_environment()
    )
    assert sorted(one.node.name for one in results) == sorted(names)
    assert {str(one.status) for one in results} == {"pass"}


@pytest.mark.parametrize("name", sorted(ORACLES))
def test_a_metric_is_what_hand_written_sql_says(name: str, dbt: DbtProject) -> None:
    layer = SemanticLayer(dbt.semantic_manifest_path, "postgres")
    with dbt.warehouse.session() as session:
        found = layer.query(session, MetricRequest((name,))).to_pylist()
        ((expected,),) = session.rows(f"select {ORACLES[name]} from raw.flights")
    assert found == [{name: pytest.approx(expected, rel=1e-9)}]


def test_every_model_has_its_column_lineage(dbt: DbtProject) -> None:
    assert dbt.manifest()["column_lineage"]["unparsed"] == []
