"""Reading a database table by a cursor: ties, missing values, errors."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from analytics_platform.adapters.sources.sql_table import Cursor, read_sql_table
from analytics_platform.contracts.domain import SqlTable
from analytics_platform.errors import NotFound, Unavailable

SOURCE = SqlTable(url_variable="URL", table="orders", cursor="changed", page_rows=2)


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'shop.sqlite'}"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("create table orders (id integer, changed integer)"))
        for id_, changed in [(1, 10), (2, 20), (3, 20), (4, 30), (5, None)]:
            connection.execute(
                sa.text("insert into orders values (:id, :changed)"),
                {"id": id_, "changed": changed},
            )
    engine.dispose()
    return url


def ids(url: str, after: Cursor | None) -> list[int]:
    rows = read_sql_table(SOURCE, url, after=after).rows
    found: list[int] = sorted(rows["id"].to_pylist())
    return found


def test_without_a_cursor_every_row_comes(url: str) -> None:
    assert ids(url, None) == [1, 2, 3, 4, 5]


def test_rows_at_the_cursor_come_again_so_that_ties_are_not_lost(url: str) -> None:
    assert ids(url, 20) == [2, 3, 4, 5]


def test_rows_without_a_cursor_value_always_come(url: str) -> None:
    assert ids(url, 99) == [5]


def test_an_empty_answer_still_has_columns(url: str) -> None:
    with sa.create_engine(url).begin() as connection:
        connection.execute(sa.text("delete from orders"))
    assert read_sql_table(SOURCE, url, after=None).rows.column_names == [
        "id",
        "changed",
    ]


def test_what_is_not_there_is_named(url: str) -> None:
    with pytest.raises(NotFound, match="no table clients"):
        read_sql_table(SOURCE.model_copy(update={"table": "clients"}), url, after=None)
    with pytest.raises(NotFound, match="no column updated for a cursor; it has id"):
        read_sql_table(SOURCE.model_copy(update={"cursor": "updated"}), url, after=None)


def test_a_database_that_cannot_be_opened_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="did not answer"):
        read_sql_table(SOURCE, "sqlite:////nowhere/at/all.sqlite", after=None)
