"""Incremental loads from a database: no row lost, none doubled, whatever happens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from analytics_platform.adapters.loading import Loader
from analytics_platform.adapters.publication import Publisher
from analytics_platform.adapters.warehouse import Warehouse
from analytics_platform.contracts.domain import Expectation, TableSpec
from analytics_platform.core.quality import Outcome
from tests.support.ingestion import NOW, Row, Shop, from_sql, open_shop

JAN, FEB = "2013-01-01", "2013-02-01"


@dataclass(frozen=True)
class Database:
    """The source's own database, with a table `orders`."""

    engine: sa.Engine

    @classmethod
    def create(cls, url: str, instant: str) -> "Database":
        database = cls(sa.create_engine(url))
        database.run(
            "create table orders (id integer, customer text, amount numeric(12, 2), "
            f"ordered_at {instant})"
        )
        return database

    def run(self, sql: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text(sql))

    def put(self, *rows: Row) -> None:
        for row in rows:
            shown = ["null" if v is None else f"'{v}'" for v in row]
            self.run(f"delete from orders where id = {shown[0]}")
            self.run(f"insert into orders values ({', '.join(shown)})")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.create(f"sqlite:///{tmp_path / 'source.sqlite'}", "timestamp")
    yield database
    database.engine.dispose()


@pytest.fixture
def shop(tmp_path: Path, database: Database) -> Shop:
    url = database.engine.url.render_as_string(hide_password=False)
    spec = from_sql(partition_date=None, known_at=None)
    return open_shop(tmp_path / "home", spec, environment={"ORDERS_URL": url})


def at(day: int, hour: int = 0) -> str:
    return f"2013-01-{day:02} {hour:02}:00:00.000000"


def test_a_second_load_brings_what_is_new_and_what_changed(
    shop: Shop, database: Database
) -> None:
    database.put((1, "Ann", 1, at(1)), (2, "Bob", 2, at(2)))
    assert dict(shop.load().rows) == {None: 2}
    database.put((1, "Ann", 10, at(3)), (3, "Cid", 3, at(3)))
    assert dict(shop.load().rows) == {None: 3}
    found = shop.rows("select id, amount from raw.orders order by id")
    assert found == [(1, 10.0), (2, 2.0), (3, 3.0)]


def test_a_row_that_comes_late_at_the_newest_cursor_is_not_lost(
    shop: Shop, database: Database
) -> None:
    database.put((1, "Ann", 1, at(1)))
    shop.load()
    database.put((2, "Bob", 2, at(1)))
    shop.load()
    assert shop.ids() == [1, 2]


def test_only_new_rows_are_read(shop: Shop, database: Database) -> None:
    database.put((1, "Ann", 1, at(1)), (2, "Bob", 2, at(2)))
    shop.load()
    database.run("delete from orders where id = 1")
    shop.load()
    assert shop.ids() == [1, 2]  # the cursor does not look back


def test_a_bad_row_is_set_aside_and_the_others_go_on(
    shop: Shop, database: Database
) -> None:
    database.put((1, "Ann", 1, at(1)), (2, "Bob", -2, at(2)), (3, "Cid", 3, None))
    result = shop.load()
    assert not result.red
    assert shop.ids() == [1]
    (entry,) = result.quarantined
    assert entry.rows == 2
    assert result.verdicts[0].is_red
    assert not result.verdicts[0].blocks


def test_rows_not_known_yet_are_not_skipped_by_later_ones(
    shop: Shop, database: Database
) -> None:
    """The cursor is the id here; row 2 becomes known after row 3."""
    source = from_sql().source.model_copy(update={"cursor": "id"})
    shop = shop.declaring(from_sql(source=source, partition_date=None))
    database.put((1, "Ann", 1, at(1)), (2, "Bob", 2, at(5)), (3, "Cid", 3, at(2)))
    shop.load(at=datetime(2013, 1, 3, tzinfo=UTC))
    assert shop.ids() == [1]
    shop.load(at=datetime(2013, 1, 6, tzinfo=UTC))
    assert shop.ids() == [1, 2, 3]


def test_each_partition_reads_on_from_its_own_newest_row(
    shop: Shop, database: Database
) -> None:
    shop = shop.declaring(from_sql(known_at=None))
    database.put((1, "Ann", 1, at(1)), (2, "Bob", 2, "2013-02-01 00:00:00.000000"))
    shop.load([FEB])
    assert shop.ids() == [2]
    result = shop.load([JAN, FEB])
    assert dict(result.rows) == {JAN: 1, FEB: 1}


def test_rows_held_back_by_a_check_are_read_again_when_it_passes(
    shop: Shop, database: Database
) -> None:
    check = Expectation(name="calm", type="x", description="Nothing is red.")
    spec = from_sql(known_at=None, expectations=(check,))
    shop = shop.declaring(spec)
    database.put((1, "Ann", 1, at(1)), (2, "Bob", 2, "2013-02-01 00:00:00.000000"))

    def load(red: str | None) -> None:
        def audit(
            _w: Warehouse, _r: str, _s: TableSpec, keys: Sequence[str] | None
        ) -> list[Outcome]:
            return [Outcome("calm", key, key != red, 0, 0) for key in keys or ()]

        publisher: Publisher = replace(
            shop.ingestion.publisher("run", NOW), audit=audit
        )
        Loader(publisher, shop.ingestion.environment).load(spec, [JAN, FEB])

    load(red=None)
    database.put((3, "Cid", 3, at(2)), (4, "Dan", 4, at(9)))
    load(red=JAN)
    assert shop.ids() == [1, 2]
    assert shop.ids("quarantine.orders") == [1, 3, 4]  # 1 is at the cursor
    database.put((5, "Eve", 5, at(10)))
    load(red=None)
    assert shop.ids() == [1, 2, 3, 4, 5]
    assert shop.ids("quarantine.orders") == []
    assert shop.store.quarantine.open() == []


def test_a_released_row_does_not_replace_a_newer_one(
    shop: Shop, database: Database
) -> None:
    database.put((1, "Ann", -1, at(1)))
    (entry,) = shop.load().quarantined
    database.put((1, "Ann", 5, at(2)))
    shop.load()
    spec = from_sql(partition_date=None, known_at=None, rules=())
    shop = shop.declaring(spec)
    shop.release(entry.id)
    assert shop.rows("select id, amount from raw.orders") == [(1, 5.0)]


@pytest.mark.system
def test_postgres_is_read_incrementally(postgres_database: str, tmp_path: Path) -> None:
    """Instants with a time zone, numerics and nulls as PostgreSQL gives them."""
    database = Database.create(postgres_database, "timestamp with time zone")
    spec = from_sql(partition_date=None, known_at=None)
    environment = {"ORDERS_URL": postgres_database}
    shop = open_shop(tmp_path / "home", spec, environment=environment)
    database.put(
        (1, "Ann", "1.25", "2013-01-01T12:00:00+02:00"),
        (2, None, None, "2013-01-01T10:30:00Z"),
    )
    shop.load()
    first = datetime(2013, 1, 1, 10)  # noqa: DTZ001 - the warehouse holds naive UTC
    found = shop.rows("select id, amount, ordered_at from raw.orders order by id")
    assert found == [(1, 1.25, first), (2, None, first.replace(minute=30))]
    database.put((3, "Tie", 3, "2013-01-01T10:30:00Z"), (1, "Ann", 9, "2013-01-02Z"))
    database.run("delete from orders where id = 2")
    shop.load()
    found = shop.rows("select id, amount from raw.orders order by id")
    assert found == [(1, 9.0), (2, None), (3, 3.0)]
    database.engine.dispose()


@pytest.mark.system
def test_a_postgres_that_is_down_is_unavailable(tmp_path: Path) -> None:
    from analytics_platform.errors import Unavailable

    url = "postgresql+psycopg2://nobody@127.0.0.1:1/nothing"
    shop = open_shop(tmp_path / "home", from_sql(), environment={"ORDERS_URL": url})
    with pytest.raises(Unavailable):
        shop.load([JAN])
