"""What a command lets in from quarantine is known to Dagster as if a run had."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from analytics_platform.defs.partitions import partitions_definition
from analytics_platform.defs.policy import automation_condition
from analytics_platform.defs.released_rows import report_released
from tests.support.ingestion import Shop, domain_of, dropped, open_shop, orders

JAN, FEB = "2013-01-01", "2013-02-01"
ORDERS = dg.AssetKey(["raw", "orders"])
CONTRACT = dg.AssetCheckKey(ORDERS, "contract")
MONTHS = domain_of().partitions
NEGATIVE = [(1, "Ann", -1, "2013-01-05"), (2, "Bob", 2, "2013-01-06")]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.syspath_prepend(str(tmp_path / "distribution"))
    return open_shop(tmp_path / "home", orders(), dropped())


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def release(
    shop: Shop, instance: dg.DagsterInstance, id: str, table: str = "orders"
) -> None:
    result = shop.release(id)
    report_released(instance, shop.store, shop.spec(table), result, run_id="release")


def checked(instance: dg.DagsterInstance) -> list[str]:
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key
    return [found.status.value for found in latest([CONTRACT]).values()]


def test_a_partition_is_materialized_and_its_checks_are_green(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    shop.offer(NEGATIVE)
    (entry,) = shop.load([JAN]).quarantined
    lenient = shop.declaring(orders(rules=()), dropped(rules=()))
    release(lenient, instance, entry.id)
    assert instance.get_materialized_partitions(ORDERS) == {JAN}
    assert checked(instance) == ["SUCCEEDED"]


def test_rows_added_to_partitions_tell_nothing_of_the_checks_on_all_of_them(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    by_id = "make_date(2013, id, 1)"
    shop = shop.declaring(orders(partition_date=by_id, known_at=None))
    shop.offer([(2, "Ann", 1, "2013-01-05"), (14, "Bob", 2, "2013-01-06")])
    (entry,) = shop.load([FEB]).quarantined
    mended = orders(partition_date="make_date(2013, id % 12, 1)", known_at=None)
    release(shop.declaring(mended), instance, entry.id)
    event = instance.get_latest_materialization_event(ORDERS)
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.partition == FEB
    assert event.asset_materialization.metadata["dagster/row_count"].value == 2
    assert checked(instance) == []


def test_rows_of_an_inbox_are_one_materialization_of_its_table(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    (shop.inbox / "a.csv").write_text(
        "id,customer,amount,ordered_at\n1,A,-1,2013-01-05\n2,B,2,2013-02-06\n"
    )
    (entry,) = shop.load(table="corrections").quarantined
    lenient = shop.declaring(orders(rules=()), dropped(rules=()))
    release(lenient, instance, entry.id, "corrections")
    corrections = dg.AssetKey(["raw", "corrections"])
    event = instance.get_latest_materialization_event(corrections)
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.partition is None


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")
def test_automation_builds_what_reads_the_released_partition(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    mart = dg.AssetSpec(
        "mart", deps=[ORDERS], partitions_def=partitions_definition(MONTHS)
    )
    condition = automation_condition(mart, {ORDERS, mart.key})
    assert condition is not None
    raw = dg.AssetSpec(ORDERS, partitions_def=partitions_definition(MONTHS))
    specs = [raw, mart.replace_attributes(automation_condition=condition)]
    steps = [dg.multi_asset(name=one.key.path[-1], specs=[one]) for one in specs]
    definitions = dg.Definitions([step(_nothing) for step in steps])
    look = dg.evaluate_automation_conditions
    shop.offer(NEGATIVE)
    (entry,) = shop.load([JAN]).quarantined
    before = look(definitions, instance)
    lenient = shop.declaring(orders(rules=()), dropped(rules=()))
    release(lenient, instance, entry.id)
    after = look(definitions, instance, cursor=before.cursor)
    assert before.total_requested == 0
    assert after.get_requested_partitions(mart.key) == {JAN}


def _nothing() -> None:
    """An asset that only has to be there."""
