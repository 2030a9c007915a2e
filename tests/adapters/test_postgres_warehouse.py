"""The PostgreSQL warehouse, on a real server: values, transactions, one writer."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from analytics_platform.adapters.postgres_warehouse import PostgresWarehouse
from analytics_platform.adapters.warehouse import Session, open_warehouse
from analytics_platform.errors import InvalidUsage, Unavailable
from analytics_platform.settings import Settings, WarehouseSettings

pytestmark = pytest.mark.system


def postgres_settings(home: Path, url: str) -> Settings:
    return Settings(
        home=home, warehouse=WarehouseSettings(kind="postgres", url=SecretStr(url))
    )


@pytest.fixture
def warehouse(tmp_path: Path, postgres_database: str) -> PostgresWarehouse:
    found = open_warehouse(postgres_settings(tmp_path, postgres_database))
    assert isinstance(found, PostgresWarehouse)
    return found


@pytest.fixture
def session(warehouse: PostgresWarehouse) -> Iterator[Session]:
    with warehouse.session() as opened:
        yield opened


def test_values_are_bound_by_name_and_casts_and_percents_are_left_alone(
    session: Session,
) -> None:
    found = session.rows(
        "select :day::date + 1, :name || '%', '10:30'::time::text "
        "where :name is not null",
        {"day": date(2013, 3, 31), "name": "it's"},
    )
    assert found == [(date(2013, 4, 1), "it's%", "10:30:00")]
    assert session.rows("select 'a%b' like '%'") == [(True,)]


def test_sums_of_whole_numbers_are_whole_and_means_are_floats(session: Session) -> None:
    session.execute("create table n (i bigint)")
    session.execute("insert into n values (1), (2), (9007199254740993)")
    rows = session.rows("select sum(i), avg(i) filter (where i < 3) from n")
    assert rows == [(9007199254740996, 1.5)]
    assert [type(value) for value in rows[0]] == [int, float]


def test_an_error_rolls_everything_back(session: Session) -> None:
    import psycopg2

    session.execute("create table kept (n int)")
    with pytest.raises(psycopg2.errors.UndefinedTable), session.transaction():  # noqa: PT012
        session.execute("insert into kept values (1)")
        session.execute("insert into nowhere values (1)")
    assert session.rows("select count(*) from kept") == [(0,)]


def test_a_transaction_commits_on_leaving(
    session: Session, warehouse: PostgresWarehouse
) -> None:
    session.execute("create table kept (n int)")
    with session.transaction():
        session.execute("insert into kept values (1)")
        with warehouse.session() as other:
            assert other.rows("select count(*) from kept") == [(0,)]
    with warehouse.session() as other:
        assert other.rows("select count(*) from kept") == [(1,)]


def test_columns_are_told_in_order_and_a_missing_table_has_none(
    session: Session,
) -> None:
    session.execute("create schema raw")
    session.execute("create table raw.t (b bigint, a text)")
    assert session.columns("raw.t") == {"b": "bigint", "a": "text"}
    assert session.columns("raw.nothing") == {}


_EVERY_TYPE = """
    select
        2::bigint as whole, 1.5::numeric as exact, 2.5::float8 as approximate,
        'a "b",' || chr(10) || 'c' as text, '' as empty, null::text as missing,
        true as yes, date '2013-01-01' as day,
        timestamp '2013-01-01 10:15:00.5' as naive,
        timestamptz '2013-01-01 05:00-05' as aware
"""


def test_arrow_keeps_types_and_tells_null_from_empty(session: Session) -> None:
    table = session.arrow(f"{_EVERY_TYPE} where :kept", {"kept": True})
    assert table.to_pylist() == [
        {
            "whole": 2,
            "exact": 1.5,
            "approximate": 2.5,
            "text": 'a "b",\nc',
            "empty": "",
            "missing": None,
            "yes": True,
            "day": date(2013, 1, 1),
            "naive": datetime(2013, 1, 1, 10, 15, 0, 500_000),  # noqa: DTZ001
            "aware": datetime(2013, 1, 1, 10, tzinfo=UTC),
        }
    ]
    nothing = session.arrow(f"{_EVERY_TYPE} where :kept", {"kept": False})
    assert nothing.schema.equals(table.schema)
    assert nothing.num_rows == 0
    assert table.schema.field("aware").type == pa.timestamp("us", tz="UTC")


def test_arrow_sees_what_its_own_transaction_wrote(session: Session) -> None:
    session.execute("create table t (n bigint)")
    with session.transaction():
        session.execute("insert into t values (7)")
        assert session.arrow("select n from t").column("n").to_pylist() == [7]


def test_the_reading_engine_commits_by_itself(warehouse: PostgresWarehouse) -> None:
    with warehouse.reading_engine() as engine, engine.connect() as connection:
        assert connection.execute(text("show timezone")).scalar_one() == "UTC"


def test_dbt_gets_the_parts_of_the_url(tmp_path: Path) -> None:
    url = "postgresql+psycopg2://me:s%40crt@db.local:6543/analytics"
    environment = PostgresWarehouse(postgres_settings(tmp_path, url)).dbt_environment()
    assert environment["DBT_TARGET"] == "postgres"
    assert environment["DBT_POSTGRES_PASSWORD"] == "s@crt"
    assert environment["DBT_POSTGRES_PORT"] == "6543"


def test_a_warehouse_that_only_dbt_knows_is_refused(tmp_path: Path) -> None:
    settings = WarehouseSettings(kind="snowflake", url=SecretStr("snowflake://a"))
    with pytest.raises(InvalidUsage, match="snowflake"):
        open_warehouse(Settings(home=tmp_path, warehouse=settings))


def test_a_server_that_does_not_answer_is_a_transient_error(tmp_path: Path) -> None:
    url = "postgresql://me@127.0.0.1:1/analytics"
    with (
        pytest.raises(Unavailable, match="did not answer"),
        PostgresWarehouse(postgres_settings(tmp_path, url)).session(),
    ):
        pass


def test_the_writers_right_is_reentrant_and_threads_take_turns(
    warehouse: PostgresWarehouse,
) -> None:
    order: list[str] = []

    def other() -> None:
        with warehouse.exclusive():
            order.append("other")

    thread = threading.Thread(target=other)
    with warehouse.exclusive(), warehouse.exclusive():
        thread.start()
        time.sleep(0.2)
        order.append("first")
    thread.join(10)
    assert order == ["first", "other"]


def test_a_killed_writer_frees_its_right(
    warehouse: PostgresWarehouse, tmp_path: Path, postgres_database: str
) -> None:
    code = (
        "import sys, time\n"
        "from tests.adapters.test_postgres_warehouse import *\n"
        "from pathlib import Path\n"
        "settings = postgres_settings(Path(sys.argv[1]), sys.argv[2])\n"
        "with PostgresWarehouse(settings).exclusive():\n"
        "    print('held', flush=True); time.sleep(60)\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), postgres_database],
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    with holder:
        assert holder.stdout.readline() == b"held\n"
        holder.kill()
        with warehouse.exclusive():
            pass
