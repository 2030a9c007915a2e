"""The same loads into PostgreSQL: what is let in, held back, merged."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from analytics_platform.adapters.warehouse import open_warehouse
from analytics_platform.settings import Settings, WarehouseSettings
from tests.support.ingestion import Shop, dropped, open_shop, orders

pytestmark = pytest.mark.system

JAN, FEB = "2013-01-01", "2013-02-01"


@pytest.fixture
def shop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_database: str
) -> Shop:
    monkeypatch.syspath_prepend(str(tmp_path / "distribution"))
    shop = open_shop(tmp_path / "home", orders(), dropped())
    warehouse = WarehouseSettings.model_validate(
        {"kind": "postgres", "url": postgres_database}
    )
    settings = Settings(home=shop.home, warehouse=warehouse)
    parts = replace(
        shop.ingestion, settings=settings, warehouse=open_warehouse(settings)
    )
    return replace(shop, ingestion=parts)


def test_partitions_are_replaced_and_red_ones_held_back(shop: Shop) -> None:
    shop.offer([(1, "Ann", 1.5, "2013-01-05T10:00:00Z"), (2, None, None, "2013-02-05")])
    assert dict(shop.load([JAN, FEB]).rows) == {JAN: 1, FEB: 1}
    shop.offer(
        [
            (3, "Cid", 3, "2013-01-06"),
            (4, "Dan", 4, "2013-02-06"),
            (5, "Eve", -5, "2013-02-07"),
        ]
    )
    result = shop.load([JAN, FEB])
    assert list(result.red) == [FEB]
    found = shop.rows("select id, amount, ordered_at from raw.orders order by id")
    assert found == [
        (2, None, datetime(2013, 2, 5)),  # noqa: DTZ001 - naive UTC
        (3, 3.0, datetime(2013, 1, 6)),  # noqa: DTZ001
    ]
    assert shop.ids("quarantine.orders") == [4]
    shop.offer([])
    assert dict(shop.load([JAN]).rows) == {JAN: 0}


def test_corrections_are_merged(shop: Shop) -> None:
    shop.offer([(1, "Ann", 1, "2013-01-05"), (2, "Bob", 2, "2013-01-06")])
    (shop.inbox / "a.csv").write_text(
        "id,customer,amount,ordered_at\n2,Bob,20,2013-01-06\n3,Cid,3,2013-01-07\n"
    )
    shop.load(table="corrections")
    shop.load([JAN])
    found = shop.rows("select id, amount from raw.orders order by id")
    assert found == [(1, 1.0), (2, 20.0), (3, 3.0)]
    (shop.inbox / "b.csv").write_text(
        "id,customer,amount,ordered_at\n2,Bob,22,2013-01-06\n"
    )
    shop.load(table="corrections")
    assert shop.rows("select id, amount from raw.corrections order by id") == [
        (2, 22.0),
        (3, 3.0),
    ]
