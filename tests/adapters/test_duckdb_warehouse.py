"""The embedded warehouse: parameters, transactions, one writer, readable results."""

from datetime import date
from pathlib import Path

import duckdb
import pytest
from sqlalchemy import text

from analytics_platform.adapters.duckdb_warehouse import DuckDBWarehouse
from analytics_platform.settings import Settings


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    return DuckDBWarehouse(Settings(home=tmp_path))


def test_values_are_bound_by_name_and_casts_are_left_alone(
    warehouse: DuckDBWarehouse,
) -> None:
    with warehouse.session() as session:
        found = session.rows(
            "select :day::date + 1, :name || ':x', '10:30'::time::varchar "
            "where :name is not null",
            {"day": date(2013, 3, 31), "name": "it's"},
        )
    assert found == [(date(2013, 4, 1), "it's:x", "10:30:00")]


def test_an_error_rolls_everything_back(warehouse: DuckDBWarehouse) -> None:
    with warehouse.session() as session:
        session.execute("create table kept (n int)")
        with pytest.raises(duckdb.CatalogException), session.transaction():  # noqa: PT012
            session.execute("insert into kept values (1)")
            session.execute("insert into nowhere values (1)")
        assert session.rows("select count(*) from kept") == [(0,)]


def test_columns_are_told_in_order_and_a_missing_table_has_none(
    warehouse: DuckDBWarehouse,
) -> None:
    with warehouse.session() as session:
        session.execute("create schema raw")
        session.execute("create table raw.t (b bigint, a varchar)")
        assert session.columns("raw.t") == {"b": "BIGINT", "a": "VARCHAR"}
        assert session.columns("raw.nothing") == {}


def test_results_outlive_the_connection_they_came_from(
    warehouse: DuckDBWarehouse,
) -> None:
    with warehouse.session() as session:
        session.execute("create table t as select 42 as n")
    with warehouse.reading_engine() as engine:
        with engine.connect() as connection:
            result = connection.execute(text("select n from t"))
        assert [row.n for row in result.fetchall()] == [42]


def test_a_query_gives_arrow_with_the_engines_types(warehouse: DuckDBWarehouse) -> None:
    with warehouse.session() as session:
        table = session.arrow("select 1::bigint as n, date '2013-01-01' as d")
    assert [str(kind) for kind in table.schema.types] == ["int64", "date32[day]"]
