"""`analytics quarantine` and `analytics inbox` as a user types them."""

import json
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from analytics_platform.cli import inbox, quarantine
from analytics_platform.errors import Conflict, InvalidUsage, NotFound
from tests.support.ingestion import Shop, dropped, open_shop, orders

DOMAIN = """
from tests.support.ingestion import domain_of, dropped, orders
DOMAIN = domain_of(orders(rules=()), dropped(rules=()))
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    package = tmp_path / "distribution" / "lenient_shop.py"
    package.parent.mkdir()
    package.write_text(DOMAIN)
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.setenv("ANALYTICS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ANALYTICS_DOMAIN", "lenient_shop")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    return open_shop(tmp_path / "home", orders(), dropped())


def run(app: object, *arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)  # type: ignore[arg-type]
    assert result.exit_code == 0, result.output
    return result.stdout


def test_what_is_in_quarantine_is_listed_and_released(shop: Shop) -> None:
    assert "Nothing is in quarantine." in run(quarantine.app, "list")
    shop.offer([(1, "Ann", -1, "2013-01-05")])
    (entry,) = shop.load(["2013-01-01"]).quarantined
    text = run(quarantine.app, "list", "--table", "orders")
    assert entry.id in text
    assert "orders 2013-01-01  1 rows of orders-data/orders.csv" in text
    assert "1 of 1 rows break the contract" in text
    (told,) = json.loads(run(quarantine.app, "list", "--json"))
    assert told["id"] == entry.id
    assert f"Released {entry.id}" in run(quarantine.app, "release", entry.id)
    assert shop.ids() == [1]
    assert json.loads(run(quarantine.app, "list", "--json")) == []


def test_what_is_released_is_a_materialization_with_its_checks(shop: Shop) -> None:
    shop.offer([(1, "Ann", -1, "2013-01-05"), (2, "Bob", 2, "2013-01-06")])
    (entry,) = shop.load(["2013-01-01"]).quarantined
    run(quarantine.app, "release", entry.id)
    key = dg.AssetKey(["raw", "orders"])
    with dg.DagsterInstance.get() as instance:
        assert instance.get_materialized_partitions(key) == {"2013-01-01"}
        event = instance.get_latest_materialization_event(key)
        check = dg.AssetCheckKey(key, "contract")
        latest = instance.event_log_storage.get_latest_asset_check_execution_by_key
        (found,) = latest([check]).values()
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["dagster/row_count"].value == 2
    assert found.status.value == "SUCCEEDED"


def test_what_nobody_wants_is_discarded_and_the_ledger_says_why(shop: Shop) -> None:
    (shop.inbox / "a.csv").write_text(
        "id,customer,amount,ordered_at\n1,A,-1,2013-01-05\n2,B,2,2013-01-06\n"
    )
    (entry,) = shop.load(table="corrections").quarantined
    told = run(quarantine.app, "discard", entry.id, "--because", "sent by mistake")
    assert f"Discarded {entry.id}: 1 rows of corrections/a.csv" in told
    assert json.loads(run(quarantine.app, "list", "--json")) == []
    (row,) = shop.store.ledger.entries("quarantine/corrections")
    assert (row.action, row.details["because"]) == ("discarded", "sent by mistake")
    assert (row.details["id"], row.details["rows"]) == (entry.id, 1)
    assert row.actor
    assert (shop.home / entry.location).is_file()
    assert shop.ids("raw.corrections") == [2]
    with pytest.raises(Conflict, match="closed already"):
        run(quarantine.app, "discard", entry.id, "--because", "again")
    assert len(shop.store.ledger.entries("quarantine/corrections")) == 1


def test_a_discard_without_a_reason_or_an_entry_is_an_error(shop: Shop) -> None:
    shop.offer([(1, "Ann", -1, "2013-01-05")])
    (entry,) = shop.load(["2013-01-01"]).quarantined
    with pytest.raises(InvalidUsage, match="reason is empty"):
        run(quarantine.app, "discard", entry.id, "--because", " ")
    with pytest.raises(NotFound):
        run(quarantine.app, "discard", "nothing", "--because", "no such thing")
    assert [one.id for one in shop.store.quarantine.open()] == [entry.id]


def test_an_unknown_entry_is_an_error(shop: Shop) -> None:
    assert shop.home.exists()
    with pytest.raises(NotFound):
        run(quarantine.app, "release", "nothing")


def test_the_inbox_tells_what_became_of_each_file(shop: Shop) -> None:
    assert "The inbox is empty" in run(inbox.app, "status")
    header = "id,customer,amount,ordered_at\n"
    (shop.inbox / "a.csv").write_text(header + "1,Ann,1,2013-01-05\n")
    (shop.inbox / "b.csv").write_text("")
    shop.load(table="corrections")
    (shop.inbox / "c.csv").write_text(header + "2,Ann,1,2013-01-05\n")
    (shop.inbox / "d.csv.part").write_text("")
    told = json.loads(run(inbox.app, "status", "--json"))
    found = {row["path"].split("/")[1]: row["status"] for row in told}
    assert found == {
        "a.csv": "loaded",
        "b.csv": "quarantined",
        "c.csv": "ready",
        "d.csv.part": "waiting",
    }
    assert "loaded       corrections/a.csv  1 rows" in run(inbox.app, "status")
