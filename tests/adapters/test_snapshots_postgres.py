"""Snapshots of a warehouse on a real PostgreSQL server."""

from pathlib import Path

import duckdb
import pytest
from pydantic import SecretStr

from analytics_platform.adapters.warehouse import Warehouse, open_warehouse
from analytics_platform.settings import Settings, WarehouseSettings
from tests.support.instants import at
from tests.support.publisher import open_snapshots, publication

pytestmark = pytest.mark.system


@pytest.fixture
def warehouse(tmp_path: Path, postgres_database: str) -> Warehouse:
    """An empty PostgreSQL warehouse with the schemas of what is published."""
    server = WarehouseSettings(kind="postgres", url=SecretStr(postgres_database))
    found = open_warehouse(Settings(home=tmp_path, warehouse=server))
    with found.session() as session:
        session.execute("create schema marts")
        session.execute("create schema features")
    (tmp_path / "semantic_manifest.json").write_text("{}")
    return found


def fill(warehouse: Warehouse, order: str) -> None:
    """Make the published tables anew, their rows in that order."""
    with warehouse.session() as session:
        for name in ("marts.fct_trips", "features.trip_history"):
            session.execute(f"drop table if exists {name}")
            session.execute(
                f"create table {name} as "
                "select n::bigint as trip, date '2013-01-01' + n % 365 as day, "
                "n * 0.5::double precision as delay_minutes, 'line ' || n % 7 as line "
                f"from generate_series(1, 5000) as n order by {order}"
            )


def test_rows_are_published_in_an_order_of_their_own(
    tmp_path: Path, warehouse: Warehouse
) -> None:
    snapshots = open_snapshots(tmp_path)
    hashes = []
    for second, order in enumerate(("n", "md5(n::text)")):
        fill(warehouse, order)
        made = snapshots.publish(publication(tmp_path), warehouse, at=at(second))
        hashes.append([one.sha256 for one in made.tables if one.kind != "quality"])
    assert hashes[0] == hashes[1]
    found = snapshots.current()
    assert found is not None
    with duckdb.connect() as reader:
        told = reader.execute(
            "select count(*), sum(delay_minutes), min(day)::text, max(line) "
            f"from '{found.path('fct_trips')}'"
        ).fetchall()
    # 0.5 x (1 + ... + 5000); day 365 of the year comes round as its first.
    assert told == [(5000, 6_251_250.0, "2013-01-01", "line 6")]
    assert found.manifest.tables[0].columns["trip"] == "int64"
