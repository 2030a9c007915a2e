"""Profiles of columns of every type: in PostgreSQL they are what they are in DuckDB."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from analytics_platform.adapters.profiler import profile
from analytics_platform.adapters.warehouse import Warehouse, open_warehouse
from analytics_platform.contracts.records import ColumnProfile
from analytics_platform.settings import Settings, WarehouseSettings
from tests.support.quality_domain import warehouse_in

pytestmark = pytest.mark.system

RELATION = "raw.things"
# Both engines understand these names and values, and list them in this order.
TYPED = {
    "yes_or_no boolean": ("true", "false", "true", "null"),
    "all_true boolean": ("true", "true", "true", "true"),
    "unknown boolean": ("null", "null", "null", "null"),
    "small smallint": ("1", "-2", "null", "1"),
    "large bigint": ("9007199254740993", "-1", "0", "null"),
    "exact numeric(9, 2)": ("1.25", "-3", "null", "1.25"),
    "single real": ("0.1", "2.5", "null", "0.1"),
    "double double precision": ("'nan'", "'inf'", "3", "1"),
    "sentinel double precision": ("1.7e308", "-1.7e308", "1.6e308", "2"),
    "nowhere double precision": ("'nan'", "'-inf'", "null", "null"),
    "word text": ("'b'", "'B'", "'_'", "''"),
    "padded char(3)": ("'b'", "'B'", "null", "'b'"),
    "day date": ("'2013-01-01'", "'20130-01-01'", "null", "'2013-01-02'"),
    "endless date": ("'infinity'", "'2013-01-01'", "null", "null"),
    "local timestamp": (
        "'2013-01-01 10:15:00.5'",
        "'2013-03-31 02:00:00'",
        "null",
        "'20130-01-01 00:00:00'",
    ),
    "at_hour time": ("'23:59:59.5'", "'00:00:00'", "null", "null"),
    "lasting interval": ("'1 day'", "'2 days'", "null", "'1 day'"),
    "identity uuid": ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", *("null",) * 3),
}


@pytest.fixture
def postgres(tmp_path: Path, postgres_database: str) -> Warehouse:
    warehouse = open_warehouse(
        Settings(
            home=tmp_path / "postgres",
            warehouse=WarehouseSettings(
                kind="postgres", url=SecretStr(postgres_database)
            ),
        )
    )
    with warehouse.session() as session:
        session.execute("create schema raw")
    return warehouse


@pytest.fixture
def duckdb(tmp_path: Path) -> Warehouse:
    return warehouse_in(tmp_path / "duckdb")


def typed(warehouse: Warehouse, *, rows: int) -> list[ColumnProfile]:
    """The profile of the first rows of `TYPED`, without the engines' type names."""
    with warehouse.session() as session:
        session.execute(f"create table {RELATION} ({', '.join(TYPED)})")
        for index in range(rows):
            values = ", ".join(column[index] for column in TYPED.values())
            session.execute(f"insert into {RELATION} values ({values})")
        count, columns = profile(session, RELATION)
    assert count == rows
    return [column.model_copy(update={"type": ""}) for column in columns]


def of_postgres(postgres: Warehouse, select: str) -> dict[str, ColumnProfile]:
    with postgres.session() as session:
        session.execute(f"create table {RELATION} as {select}")
        _, columns = profile(session, RELATION)
    return {column.name: column for column in columns}


@pytest.mark.parametrize("rows", [4, 1, 0])
def test_every_type_is_profiled_as_in_duckdb(
    duckdb: Warehouse, postgres: Warehouse, rows: int
) -> None:
    for here, there in zip(
        typed(duckdb, rows=rows), typed(postgres, rows=rows), strict=True
    ):
        assert there == here


def test_a_boolean_is_ordered_false_before_true(postgres: Warehouse) -> None:
    found = of_postgres(
        postgres, "select v from (values (true), (false), (null), (true)) t(v)"
    )["v"]
    assert (found.minimum, found.maximum) == (False, True)
    assert (found.distinct, found.null_share, found.mean) == (2, 0.25, None)
    assert found.top_values == (("true", 2), ("false", 1))


def test_the_collation_of_a_column_does_not_change_its_profile(
    postgres: Warehouse,
) -> None:
    found = of_postgres(
        postgres,
        "select v collate \"und-x-icu\" as v from (values ('a'), ('B')) t(v)",
    )["v"]
    assert (found.minimum, found.maximum) == ("B", "a")


def test_numerics_that_are_no_doubles_do_not_spoil_the_profile(
    postgres: Warehouse,
) -> None:
    found = of_postgres(
        postgres,
        "select v::numeric from (values ('NaN'), ('Infinity'), ('1e400'), ('2')) t(v)",
    )["v"]
    assert (found.minimum, found.maximum, found.mean) == (2, 2, 2)
    assert (found.null_share, found.histogram_counts) == (0, (1,))


def test_types_of_postgres_alone_show_their_values_as_text(
    postgres: Warehouse,
) -> None:
    found = of_postgres(
        postgres,
        "select array[1, 2] as list, '{\"a\": 1}'::json as document, "
        "int4range(1, 3) as whole_numbers, daterange('2013-01-01', null) as days, "
        "'2013-01-01 05:00-05'::timestamptz as aware",
    )
    assert found["list"].top_values == (("{1,2}", 1),)
    assert found["document"].top_values == (('{"a": 1}', 1),)
    assert found["whole_numbers"].top_values == (("[1,3)", 1),)
    assert found["days"].minimum is None
    assert found["aware"].minimum == "2013-01-01T10:00:00+00:00"
