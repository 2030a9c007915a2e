"""Releasing quarantined data: through the gate again, then in, or still kept."""

from pathlib import Path

import pytest

from analytics_platform.errors import Conflict, InvalidData, NotFound
from tests.support.ingestion import Shop, dropped, open_shop, orders

JAN, FEB = "2013-01-01", "2013-02-01"
NEGATIVE = [(1, "Ann", -1, "2013-01-05"), (2, "Bob", 2, "2013-01-06")]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.syspath_prepend(str(tmp_path / "distribution"))
    return open_shop(tmp_path / "home", orders(), dropped())


def lenient(shop: Shop) -> Shop:
    """The same shop under a contract that allows negative amounts."""
    return shop.declaring(orders(rules=()), dropped(rules=()))


def test_a_held_partition_is_published_once_its_contract_allows_it(shop: Shop) -> None:
    shop.offer([(9, "Old", 9, "2013-01-09")])
    shop.load([JAN])
    shop.offer(NEGATIVE)
    (entry,) = shop.load([JAN]).quarantined
    assert shop.ids() == [9]
    result = lenient(shop).release(entry.id)
    assert dict(result.rows) == {JAN: 2}
    assert shop.ids() == [1, 2]
    assert shop.store.quarantine.open() == []
    assert shop.store.quarantine.find(entry.id).released_at is not None
    assert all(v.passed for v in shop.store.verdicts.latest(["raw/orders"]))


def test_what_still_breaks_the_contract_stays(shop: Shop) -> None:
    shop.offer(NEGATIVE)
    (entry,) = shop.load([JAN]).quarantined
    with pytest.raises(InvalidData, match="still breaks the contract of orders"):
        shop.release(entry.id)
    assert shop.ids() == []
    (kept,) = shop.store.quarantine.open()
    assert kept.rows == 2


def test_rows_set_aside_alone_are_merged(shop: Shop) -> None:
    (shop.inbox / "a.csv").write_text(
        "id,customer,amount,ordered_at\n1,A,-1,2013-01-05\n2,B,2,2013-01-06\n"
    )
    (entry,) = shop.load(table="corrections").quarantined
    assert shop.ids("raw.corrections") == [2]
    lenient(shop).release(entry.id)
    assert shop.ids("raw.corrections") == [1, 2]
    assert shop.store.quarantine.open() == []


def test_rows_of_no_partition_do_not_replace_the_others(shop: Shop) -> None:
    by_id = "make_date(2013, id, 1)"
    shop = shop.declaring(orders(partition_date=by_id, known_at=None))
    shop.offer([(1, "Ann", 1, "2013-01-05"), (13, "Bob", 2, "2013-01-06")])
    (entry,) = shop.load([JAN]).quarantined
    assert (entry.partition, entry.rows) == (None, 1)
    mended = orders(partition_date="make_date(2013, id % 12, 1)", known_at=None)
    shop.declaring(mended).release(entry.id)
    assert shop.ids() == [1, 13]
    assert shop.store.quarantine.open() == []


def test_a_broken_file_is_still_broken(shop: Shop) -> None:
    (shop.inbox / "a.csv").write_bytes(b"id,\xff\n")
    shop.load(table="corrections")
    (entry,) = shop.store.quarantine.open()
    with pytest.raises(InvalidData, match="UTF-8"):
        shop.release(entry.id)
    assert shop.store.quarantine.open() == [entry]


def test_a_file_of_other_columns_is_let_in_when_the_contract_follows(
    shop: Shop,
) -> None:
    (shop.inbox / "a.csv").write_text("id,customer,ordered_at\n1,A,2013-01-05\n")
    shop.load(table="corrections")
    (entry,) = shop.store.quarantine.open()
    assert entry.rows == 1
    columns = tuple(c for c in orders().columns if c.name != "amount")
    changed = dropped(name="corrections", columns=columns, rules=())
    shop.rows("drop table raw.corrections; drop table quarantine.corrections; select 1")
    shop.declaring(orders(), changed).release(entry.id)
    assert shop.ids("raw.corrections") == [1]


def test_an_entry_is_released_once(shop: Shop) -> None:
    shop.offer(NEGATIVE)
    (entry,) = shop.load([JAN]).quarantined
    lenient(shop).release(entry.id)
    with pytest.raises(Conflict, match="closed already"):
        lenient(shop).release(entry.id)


def test_what_is_gone_is_named(shop: Shop) -> None:
    with pytest.raises(NotFound):
        shop.release("nothing")
    shop.offer(NEGATIVE)
    (entry,) = shop.load([JAN]).quarantined
    with pytest.raises(NotFound, match="no table orders any more"):
        shop.declaring(dropped()).release(entry.id)
    (shop.home / entry.location).unlink()
    with pytest.raises(NotFound, match="is gone"):
        shop.release(entry.id)
