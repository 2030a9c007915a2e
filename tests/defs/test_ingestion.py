"""The ingestion assets in Dagster: what they declare, and what a run reports."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from analytics_platform.contracts.domain import Expectation
from analytics_platform.defs.runs import range_tags
from tests.support.ingestion import Shop, dropped, open_shop, orders
from tests.support.ingestion_definitions import definitions

ORDERS = dg.AssetKey(["raw", "orders"])
CORRECTIONS = dg.AssetKey(["raw", "corrections"])
AMOUNT_KNOWN = Expectation(
    name="amount_known",
    type="expect_column_values_to_not_be_null",
    arguments={"column": "amount"},
    description="Every amount is known.",
)
GOOD = [(n, "Ann", 1, f"2013-0{n}-05") for n in range(1, 7)]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.syspath_prepend(str(tmp_path / "distribution"))
    return open_shop(tmp_path / "home", orders(expectations=(AMOUNT_KNOWN,)), dropped())


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


def run(
    shop: Shop, instance: dg.DagsterInstance, first: str, last: str
) -> dg.ExecuteInProcessResult:
    job = definitions(shop).resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        instance=instance,
        asset_selection=[CORRECTIONS, ORDERS],
        tags=range_tags(first, last),
        raise_on_error=False,
    )


def test_each_table_is_an_asset_behind_its_source(shop: Shop) -> None:
    graph = definitions(shop).resolve_asset_graph()
    node = graph.get(ORDERS)
    assert {key.to_user_string() for key in node.parent_keys} == {
        "source/orders_data/orders",
        "raw/corrections",
    }
    assert node.is_partitioned
    assert not graph.get(CORRECTIONS).is_partitioned
    assert not graph.get(dg.AssetKey(["source", "orders_data", "orders"])).is_executable
    assert node.owners == ["team:sales"]
    checks = {key.name for key in node.check_keys}
    assert checks == {"contract", "amount_known", "corrections_merged"}


def test_columns_and_their_origin_are_told(shop: Shop) -> None:
    metadata = definitions(shop).resolve_asset_graph().get(ORDERS).metadata
    schema = metadata["dagster/column_schema"]
    lineage = metadata["dagster/column_lineage"]
    columns = {column.name: column for column in schema.columns}
    assert list(columns) == ["id", "customer", "amount", "ordered_at", "partition_date"]
    assert columns["id"].constraints.unique
    assert not columns["id"].constraints.nullable
    deps = lineage.deps_by_column
    assert {dep.asset_key.to_user_string() for dep in deps["amount"]} == {
        "source/orders_data/orders",
        "raw/corrections",
    }
    assert {dep.column_name for dep in deps["partition_date"]} == {"ordered_at"}


def test_a_green_run_materializes_each_partition_with_its_rows(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    shop.offer(GOOD)
    result = run(shop, instance, "2013-01-01", "2013-03-01")
    assert result.success
    assert instance.get_materialized_partitions(ORDERS) == {
        "2013-01-01",
        "2013-02-01",
        "2013-03-01",
    }
    assert shop.ids() == [1, 2, 3]
    event = instance.get_latest_materialization_event(ORDERS)
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["dagster/row_count"].value == 1
    checks = {one.check_name for one in result.get_asset_check_evaluations()}
    assert checks == {"contract", "amount_known", "corrections_merged"}


def test_a_bad_row_leaves_its_partition_unmaterialized_and_builds_the_others(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    shop.offer([*GOOD, (20, "Bob", -1, "2013-03-07"), (21, "Cid", None, "2013-05-07")])
    result = run(shop, instance, "2013-01-01", "2013-06-01")
    assert not result.success
    good = {"2013-01-01", "2013-02-01", "2013-04-01", "2013-06-01"}
    assert instance.get_materialized_partitions(ORDERS) == good
    assert shop.ids() == [1, 2, 4, 6]
    red = {(v.partition, v.check) for v in shop.store.verdicts.latest() if v.blocks}
    assert red == {("2013-03-01", "contract"), ("2013-05-01", "amount_known")}


def test_a_dropped_correction_is_in_the_table_after_one_run(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    shop.offer(GOOD)
    run(shop, instance, "2013-01-01", "2013-03-01")
    (shop.inbox / "fix.csv").write_text(
        "id,customer,amount,ordered_at\n2,Bob,50,2013-02-05\n"
    )
    assert run(shop, instance, "2013-02-01", "2013-02-01").success
    found = shop.rows("select id, amount from raw.orders order by id")
    assert found == [(1, 1.0), (2, 50.0), (3, 1.0)]


def test_other_columns_fail_the_step_with_a_clear_error(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    shop.offer(GOOD, ("id", "customer", "price", "ordered_at"))
    result = run(shop, instance, "2013-01-01", "2013-02-01")
    assert not result.success
    assert not instance.get_materialized_partitions(ORDERS)
    details = {v.detail for v in shop.store.verdicts.latest(["raw/orders"])}
    assert any("column amount is missing" in detail for detail in details)
