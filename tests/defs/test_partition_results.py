"""A step with red partitions, executed by a real Dagster."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
import pytest

from analytics_platform.contracts.domain import Expectation, Severity
from analytics_platform.contracts.records import Verdict
from analytics_platform.defs.check_evaluations import check_specs
from analytics_platform.defs.partition_results import (
    AssetResult,
    Event,
    emit,
    red_failure,
    red_in,
    report,
)

MONTHS = dg.MonthlyPartitionsDefinition("2013-01-01", end_date="2014-01-01")
KEYS = MONTHS.get_partition_keys()
WHOLE_RUN = dg.BackfillPolicy.single_run()
ORDERS = dg.AssetKey(["raw", "orders"])
ITEMS = dg.AssetKey(["raw", "items"])
DOWNSTREAM = dg.AssetKey(["marts", "orders"])
RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")

EXPECTATIONS = (
    Expectation(
        name="id_not_null",
        type="expect_column_values_to_not_be_null",
        arguments={"column": "id"},
        description="Every order has an id.",
    ),
    Expectation(
        name="note_not_null",
        type="expect_column_values_to_not_be_null",
        arguments={"column": "note"},
        severity=Severity.WARN,
        blocking=False,
        description="Orders carry a note.",
        expected_failure_rate=0.5,
        because="Notes are optional.",
    ),
)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def verdict(
    asset: str, partition: str | None, *, failing: int, check: int = 0
) -> Verdict:
    expectation = EXPECTATIONS[check]
    return Verdict(
        asset=asset,
        partition=partition,
        check=expectation.name,
        passed=failing == 0,
        severity=expectation.severity,
        blocking=expectation.blocking,
        failing_rows=failing,
        total_rows=100,
        known_defect=failing > 0 and check == 1,
        detail=f"{failing} of 100 rows fail." if failing else "",
        samples=({"id": None, "note": "a"},) if failing else (),
        run_id="run",
        evaluated_at=datetime(2013, 1, 1, tzinfo=UTC),
    )


def definitions(bad: set[str]) -> dg.Definitions:
    @dg.asset(
        key=ORDERS,
        check_specs=check_specs(ORDERS, EXPECTATIONS),
        partitions_def=MONTHS,
        backfill_policy=WHOLE_RUN,
    )
    def orders(context: dg.AssetExecutionContext) -> Iterator[Event]:
        keys = list(context.partition_keys)
        judged = [
            verdict("raw/orders", key, failing=3 if key in bad else 0) for key in keys
        ]
        judged += [verdict("raw/orders", key, failing=50, check=1) for key in keys]
        rows = {key: {"dagster/partition_row_count": 100} for key in keys}
        yield from emit(context, ORDERS, judged, rows)

    @dg.asset(
        key=DOWNSTREAM, deps=[ORDERS], partitions_def=MONTHS, backfill_policy=WHOLE_RUN
    )
    def mart() -> None: ...

    return dg.Definitions([orders, mart], jobs=[dg.define_asset_job("all", "*")])


def run(
    instance: dg.DagsterInstance,
    defs: dg.Definitions,
    first: str = KEYS[0],
    last: str = KEYS[-1],
) -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def("all").execute_in_process(
        instance=instance,
        raise_on_error=False,
        tags={RANGE[0]: first, RANGE[1]: last},
    )


def evaluations_of(
    instance: dg.DagsterInstance, run_id: str
) -> list[dg.AssetCheckEvaluation]:
    events = [entry.dagster_event for entry in instance.all_logs(run_id)]
    return [
        event.asset_check_evaluation_data
        for event in events
        if event and event.event_type_value == "ASSET_CHECK_EVALUATION"
    ]


def test_all_green_builds_every_month_downstream(
    instance: dg.DagsterInstance,
) -> None:
    result = run(instance, definitions(set()))
    assert result.success
    assert instance.get_materialized_partitions(ORDERS) == set(KEYS)
    assert instance.get_materialized_partitions(DOWNSTREAM) == set(KEYS)


def test_a_green_partition_carries_its_own_metadata(
    instance: dg.DagsterInstance,
) -> None:
    run(instance, definitions(set()))
    event = instance.get_latest_materialization_event(ORDERS)
    assert event is not None
    assert event.asset_materialization is not None
    rows = event.asset_materialization.metadata["dagster/partition_row_count"]
    assert rows.value == 100


def test_one_bad_month_leaves_eleven_materialized_and_fails_the_step(
    instance: dg.DagsterInstance,
) -> None:
    result = run(instance, definitions({"2013-03-01"}))
    assert not result.success
    good = set(KEYS) - {"2013-03-01"}
    assert instance.get_materialized_partitions(ORDERS) == good
    assert instance.get_materialized_partitions(DOWNSTREAM) == set()


def test_the_failure_names_the_red_month_and_its_check(
    instance: dg.DagsterInstance,
) -> None:
    result = run(instance, definitions({"2013-03-01"}))
    failures = [e for e in result.all_events if e.is_step_failure]
    data = failures[0].step_failure_data.user_failure_data
    assert data is not None
    assert red_in(data.metadata) == {"raw/orders": {"2013-03-01": ["id_not_null"]}}
    assert "raw/orders 2013-03-01 (id_not_null)" in str(data.description)


def test_a_green_or_documented_check_is_one_event_and_news_one_more_each(
    instance: dg.DagsterInstance,
) -> None:
    result = run(instance, definitions({"2013-03-01"}))
    seen = [
        (one.check_name, one.partition, one.passed, one.severity.value)
        for one in evaluations_of(instance, result.run_id)
    ]
    assert seen == [
        ("id_not_null", "2013-03-01", False, "ERROR"),
        ("id_not_null", None, False, "ERROR"),
        ("note_not_null", None, False, "WARN"),
    ]


def test_what_the_interface_shows_last_is_the_whole_run(
    instance: dg.DagsterInstance,
) -> None:
    run(instance, definitions({"2013-03-01"}))
    key = dg.AssetCheckKey(ORDERS, "id_not_null")
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])
    evaluation = latest[key].event.dagster_event.asset_check_evaluation_data  # type: ignore[union-attr]
    assert not evaluation.passed
    partitions = evaluation.metadata["failing_partitions"]
    assert isinstance(partitions, dg.TableMetadataValue)
    assert partitions.records[0].data["partition"] == "2013-03-01"
    assert evaluation.metadata["failing_rows"].value == 3
    assert evaluation.description == "1 of 12 partitions fail: 2013-03-01."


def test_repairing_the_month_builds_it_alone(instance: dg.DagsterInstance) -> None:
    run(instance, definitions({"2013-03-01"}))
    result = run(instance, definitions(set()), "2013-03-01", "2013-03-01")
    assert result.success
    assert instance.get_materialized_partitions(ORDERS) == set(KEYS)
    assert instance.get_materialized_partitions(DOWNSTREAM) == {"2013-03-01"}
    assert {one.partition for one in evaluations_of(instance, result.run_id)} == {
        "2013-03-01"
    }


def test_one_red_output_of_two_leaves_the_other_ones_materialization(
    instance: dg.DagsterInstance,
) -> None:
    @dg.multi_asset(
        specs=[dg.AssetSpec(ORDERS), dg.AssetSpec(ITEMS)],
        check_specs=check_specs(ORDERS, EXPECTATIONS[:1]),
        partitions_def=MONTHS,
        backfill_policy=WHOLE_RUN,
    )
    def both(context: dg.AssetExecutionContext) -> Iterator[Event]:
        keys = context.partition_keys
        judged = [verdict("raw/orders", k, failing=int(k == KEYS[4])) for k in keys]
        yield from report(
            context,
            [
                AssetResult(ORDERS, judged, {key: {} for key in keys}),
                AssetResult(ITEMS, (), {key: {} for key in keys}),
            ],
        )

    run(instance, dg.Definitions([both], jobs=[dg.define_asset_job("all", "*")]))
    assert instance.get_materialized_partitions(ORDERS) == set(KEYS) - {KEYS[4]}
    assert instance.get_materialized_partitions(ITEMS) == set(KEYS)


def test_a_subset_of_optional_outputs_is_reported_alone(
    instance: dg.DagsterInstance,
) -> None:
    @dg.multi_asset(
        specs=[dg.AssetSpec(ORDERS, skippable=True), dg.AssetSpec(ITEMS)],
        check_specs=check_specs(ORDERS, EXPECTATIONS[:1]),
        can_subset=True,
    )
    def both(context: dg.AssetExecutionContext) -> Iterator[Event]:
        yield from emit(context, ITEMS, [])

    defs = dg.Definitions(
        [both], jobs=[dg.define_asset_job("all", dg.AssetSelection.assets(ITEMS))]
    )
    result = defs.resolve_job_def("all").execute_in_process(instance=instance)
    assert [one.asset_key for one in result.get_asset_materialization_events()] == [
        ITEMS
    ]


def test_an_unpartitioned_red_asset_is_not_materialized(
    instance: dg.DagsterInstance,
) -> None:
    @dg.asset(key=ORDERS, check_specs=check_specs(ORDERS, EXPECTATIONS[:1]))
    def orders(context: dg.AssetExecutionContext) -> Iterator[Event]:
        yield from emit(context, ORDERS, [verdict("raw/orders", None, failing=1)])

    defs = dg.Definitions([orders], jobs=[dg.define_asset_job("all", "*")])
    result = defs.resolve_job_def("all").execute_in_process(
        instance=instance, raise_on_error=False
    )
    assert not result.success
    assert instance.get_latest_materialization_event(ORDERS) is None


def test_a_run_whose_every_month_is_red_materializes_nothing(
    instance: dg.DagsterInstance,
) -> None:
    @dg.asset(
        key=ORDERS,
        check_specs=check_specs(ORDERS, EXPECTATIONS[:1]),
        partitions_def=MONTHS,
        backfill_policy=WHOLE_RUN,
    )
    def orders(context: dg.AssetExecutionContext) -> Iterator[Event]:
        judged = [verdict("raw/orders", k, failing=1) for k in context.partition_keys]
        yield from emit(context, ORDERS, judged, {})

    run(instance, dg.Definitions([orders], jobs=[dg.define_asset_job("all", "*")]))
    assert instance.get_latest_materialization_event(ORDERS) is None


def test_red_in_reads_what_red_failure_wrote() -> None:
    red: dict[str, dict[str | None, list[str]]] = {
        "raw/orders": {"2013-03-01": ["a", "b"], None: ["c"]}
    }
    assert red_in(red_failure(red).metadata) == red


def test_red_in_of_another_failure_is_empty() -> None:
    assert red_in(dg.Failure("disk full").metadata) == {}
