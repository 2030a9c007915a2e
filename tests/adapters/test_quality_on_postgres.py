"""Checks and profiles in PostgreSQL give what they give in DuckDB."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from analytics_platform.adapters.expectations import run_expectations
from analytics_platform.adapters.profiler import profile
from analytics_platform.adapters.warehouse import Warehouse, open_warehouse
from analytics_platform.contracts.records import ColumnProfile
from analytics_platform.core.quality import Outcome
from analytics_platform.settings import Settings, WarehouseSettings
from tests.support.quality_domain import (
    MONTHS,
    create_orders,
    expectation,
    not_null,
    warehouse_in,
)

pytestmark = pytest.mark.system

RELATION = "raw.orders"
COLUMNS = "id bigint, price double precision, state text, customer text, "
CHECKS = (
    not_null("price"),
    expectation(
        "state_known",
        "expect_column_values_to_be_in_set",
        column="state",
        value_set=["open", "paid"],
    ),
    expectation(
        "state_length",
        "expect_column_value_lengths_to_equal",
        column="state",
        value=4,
    ),
    expectation("id_unique", "expect_column_values_to_be_unique", column="id"),
    expectation(
        "key_unique",
        "expect_compound_columns_to_be_unique",
        column_list=["id", "state"],
    ),
    expectation("has_rows", "expect_table_row_count_to_be_between", min_value=15),
    expectation(
        "mean_price",
        "expect_column_mean_to_be_between",
        column="price",
        min_value=5,
        max_value=9.4,
    ),
    expectation(
        "cheap_is_paid",
        "unexpected_rows_expectation",
        unexpected_rows_query="select o.* from {batch} o "
        "where o.price < 1 and o.state <> 'open'",
    ),
    expectation(
        "state_listed",
        "unexpected_rows_expectation",
        unexpected_rows_query="select o.* from {batch} o join "
        "(select 'lost' as state) s on s.state = o.state",
    ),
    expectation(
        "misfit",
        "expect_column_values_to_be_between",
        column="state",
        min_value=0,
        max_value=1,
    ),
    not_null("absent"),
)
SPOILING = (
    "update raw.orders set price = null where id in (61, 85)",
    "update raw.orders set state = 'lost' where id in (101, 103)",
    "update raw.orders set state = 'cancelled' where id in (141)",
    "update raw.orders set id = 120 where id = 121",
    "update raw.orders set price = 0.5 where id in (163, 165, 166)",
    "delete from raw.orders where id between 200 and 211",
)


def rows_of(warehouse: Warehouse) -> list[tuple[object, ...]]:
    with warehouse.session() as session:
        found = session.rows(f"select * from {RELATION}")
    return [tuple(row) for row in found]


@pytest.fixture
def duckdb(tmp_path: Path) -> Warehouse:
    warehouse = warehouse_in(tmp_path)
    create_orders(warehouse, RELATION, per_month=20)
    with warehouse.session() as session:
        for statement in SPOILING:
            session.execute(statement)
    return warehouse


@pytest.fixture
def postgres(tmp_path: Path, postgres_database: str, duckdb: Warehouse) -> Warehouse:
    settings = Settings(
        home=tmp_path / "postgres",
        warehouse=WarehouseSettings(kind="postgres", url=SecretStr(postgres_database)),
    )
    warehouse = open_warehouse(settings)
    values = ", ".join(
        f"({order}, {'null' if price is None else price}, '{state}', '{name}', '{day}')"
        for order, price, state, name, day in rows_of(duckdb)
    )
    with warehouse.session() as session, session.transaction():
        session.execute("create schema if not exists raw")
        session.execute(f"create table {RELATION} ({COLUMNS} partition_date date)")
        session.execute(f"insert into {RELATION} values {values}")
    return warehouse


def told(outcome: Outcome) -> tuple[object, ...]:
    ids = sorted(str(sample.get("id")) for sample in outcome.samples)
    return (
        outcome.check,
        outcome.partition,
        outcome.passed,
        outcome.failing_rows,
        outcome.total_rows,
        ids,
    )


def test_outcomes_are_the_same(duckdb: Warehouse, postgres: Warehouse) -> None:
    for partitions in (MONTHS, None):
        here = run_expectations(duckdb, RELATION, CHECKS, partitions)
        there = run_expectations(postgres, RELATION, CHECKS, partitions)
        assert [told(one) for one in there] == [told(one) for one in here]
        assert any(one.samples for one in there)


def test_profiles_are_the_same(duckdb: Warehouse, postgres: Warehouse) -> None:
    assert columns_of(postgres) == columns_of(duckdb)


def columns_of(warehouse: Warehouse) -> list[ColumnProfile]:
    with warehouse.session() as session:
        rows, columns = profile(session, RELATION, MONTHS[:6])
    assert rows == 120
    return [column.model_copy(update={"type": ""}) for column in columns]
