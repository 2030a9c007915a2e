"""The domain's model checks, executed by a real Dagster on a real warehouse."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from analytics_platform.adapters import model_audit
from analytics_platform.adapters.control_store import migrations
from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.duckdb_warehouse import DuckDBWarehouse
from analytics_platform.clock import FixedClock
from analytics_platform.contracts.domain import ModelCheck, Severity
from analytics_platform.defs import quality
from analytics_platform.defs.partition_results import red_in
from tests.support.quality_domain import (
    MONTHS,
    create_orders,
    not_null,
    orders_domain,
    warehouse_in,
)

PARTS = dg.MonthlyPartitionsDefinition("2013-01-01", end_date="2014-01-01")
ORDERS = dg.AssetKey(["marts", "orders"])
AFTER = dg.AssetKey(["marts", "after"])
CHECK = ModelCheck(
    model="orders",
    expectations=(
        not_null("id"),
        not_null("customer", severity=Severity.WARN, blocking=False),
    ),
)
RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    warehouse = warehouse_in(tmp_path)
    create_orders(warehouse)
    return warehouse


@pytest.fixture
def store(tmp_path: Path) -> ControlStore:
    url = f"sqlite:///{tmp_path / 'control.sqlite'}"
    migrations.migrate(url)
    return ControlStore.open(url)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def defs(warehouse: DuckDBWarehouse, store: ControlStore) -> dg.Definitions:
    @dg.asset(
        key=ORDERS, partitions_def=PARTS, backfill_policy=dg.BackfillPolicy.single_run()
    )
    def orders() -> None: ...

    @dg.asset(
        key=AFTER,
        deps=[ORDERS],
        partitions_def=PARTS,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def after() -> None: ...

    return dg.Definitions.merge(
        quality.build(orders_domain(CHECK)),
        dg.Definitions(
            [orders, after],
            resources={
                "warehouse": warehouse,
                "store": store,
                "clock": FixedClock(datetime(2013, 12, 31, tzinfo=UTC)),
            },
        ),
    )


def run(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    first: str = MONTHS[0],
    last: str = MONTHS[-1],
) -> dg.ExecuteInProcessResult:
    return defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        asset_selection=[ORDERS, AFTER],
        tags={RANGE[0]: first, RANGE[1]: last},
        raise_on_error=False,
    )


def spoil(warehouse: DuckDBWarehouse, column: str, month: str, rows: int = 1) -> None:
    with warehouse.session() as session:
        session.execute(
            f"update marts.orders set {column} = null where rowid in (select rowid "
            f"from marts.orders where partition_date = date '{month}' limit {rows})"
        )


def test_sound_months_pass_and_what_follows_is_built(
    defs: dg.Definitions, instance: dg.DagsterInstance, store: ControlStore
) -> None:
    assert run(defs, instance).success
    assert instance.get_materialized_partitions(AFTER) == set(MONTHS)
    found = store.verdicts.latest(["marts/orders"])
    assert {(one.check, one.passed) for one in found} == {
        ("id_not_null", True),
        ("customer_not_null", True),
    }
    assert len(found) == 2 * 12


def test_a_bad_row_in_march_stops_what_follows_and_names_march(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    store: ControlStore,
    warehouse: DuckDBWarehouse,
) -> None:
    spoil(warehouse, "id", "2013-03-01")
    result = run(defs, instance)
    assert not result.success
    assert instance.get_materialized_partitions(AFTER) == set()
    failure = next(e for e in result.all_events if e.is_step_failure)
    told = failure.step_failure_data.user_failure_data
    assert told is not None
    assert red_in(told.metadata) == {"marts/orders": {"2013-03-01": ["id_not_null"]}}
    red = [one for one in store.verdicts.latest() if one.blocks]
    assert [(one.partition, one.failing_rows) for one in red] == [("2013-03-01", 1)]


def test_a_warning_in_march_stops_nothing(
    defs: dg.Definitions, instance: dg.DagsterInstance, warehouse: DuckDBWarehouse
) -> None:
    spoil(warehouse, "customer", "2013-03-01")
    assert run(defs, instance).success
    assert instance.get_materialized_partitions(AFTER) == set(MONTHS)


def test_a_run_of_one_month_judges_that_month_alone(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    store: ControlStore,
    warehouse: DuckDBWarehouse,
) -> None:
    spoil(warehouse, "id", "2013-03-01")
    assert run(defs, instance, "2013-04-01", "2013-04-01").success
    assert {one.partition for one in store.verdicts.latest()} == {"2013-04-01"}


def test_an_error_in_the_checks_leaves_no_month_that_was_held_to_be_good(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    store: ControlStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run(defs, instance)
    april = "2013-04-01"

    def broken(*_: object, **__: object) -> None:
        raise ValueError("no such function")

    with monkeypatch.context() as patched:
        patched.setattr(model_audit, "profile", broken)
        assert not run(defs, instance, april, april).success
    unknown = [one for one in store.verdicts.latest() if not one.passed]
    assert {(one.check, one.partition, one.blocks) for one in unknown} == {
        ("id_not_null", april, True),
        ("customer_not_null", april, False),
    }
    assert {one.detail for one in unknown} == {"Cannot be evaluated: no such function"}
    assert run(defs, instance, april, april).success
    assert all(one.passed for one in store.verdicts.latest())


def test_an_error_before_the_months_are_known_is_on_those_judged_before(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    store: ControlStore,
    warehouse: DuckDBWarehouse,
) -> None:
    first, april = (MONTHS[0], MONTHS[2]), "2013-04-01"
    run(defs, instance, *first)
    with warehouse.session() as session:
        session.execute("alter table marts.orders rename to orders_elsewhere")
    assert not run(defs, instance, MONTHS[2], april).success
    assert [one.partition for one in store.verdicts.latest() if one.blocks] == [
        MONTHS[2]
    ]


def test_samples_of_a_red_check_hide_personal_columns(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    store: ControlStore,
    warehouse: DuckDBWarehouse,
) -> None:
    spoil(warehouse, "id", "2013-03-01")
    run(defs, instance)
    (red,) = [one for one in store.verdicts.latest() if one.blocks]
    assert [sample["customer"] for sample in red.samples] == ["***"]


def test_the_profile_is_kept_and_compared_with_a_like_one_from_before(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    store: ControlStore,
    warehouse: DuckDBWarehouse,
) -> None:
    run(defs, instance)
    run(defs, instance, "2013-04-01", "2013-04-01")
    spoil(warehouse, "customer", "2013-03-01", rows=100)
    run(defs, instance)
    assert [len(p.partitions) for p in store.profiles.latest("marts/orders", 3)] == [
        12,
        1,
        12,
    ]
    record = instance.get_latest_materialization_event(ORDERS)
    assert record is not None
    (latest,) = instance.fetch_observations(ORDERS, limit=1).records
    observation = latest.asset_observation
    assert observation is not None
    changes = str(observation.metadata["profile_changes"].value)
    assert "| customer | null share | 0.0% → 8.3% |" in changes
    assert "customer 1" not in str(observation.metadata["column_profile"].value)


def test_the_model_is_looked_for_in_marts_unless_its_schema_is_named() -> None:
    assert quality.model_key(CHECK) == ORDERS
    elsewhere = CHECK.model_copy(update={"model": "staging.stg_orders"})
    assert quality.model_key(elsewhere) == dg.AssetKey(["staging", "stg_orders"])
