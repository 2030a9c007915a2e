"""Says what a dbt invocation left in the warehouse, partition by partition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from analytics_platform.adapters.dbt_results import (
    DbtResult,
    NodeResult,
    Ranges,
    Status,
    count_rows,
    failures_by_partition,
    sample_failures,
)
from analytics_platform.adapters.warehouse import Session, Warehouse
from analytics_platform.contracts.records import Scalar
from analytics_platform.core.dbt_manifest import DbtTest, Model
from analytics_platform.core.quality import Outcome

_JUDGED = (Status.PASS, Status.WARN, Status.FAIL, Status.ERROR)


@dataclass(frozen=True)
class Audit:
    """One model after an invocation.

    `rows` are by partition (None: the whole table), `columns` gives engine types,
    `outcomes` what each test said of each partition.
    """

    model: Model
    rows: Mapping[str | None, int]
    columns: Mapping[str, str]
    outcomes: tuple[Outcome, ...]


def audit(
    warehouse: Warehouse,
    result: DbtResult,
    models: Sequence[Model],
    ranges: Ranges | None,
) -> list[Audit]:
    """What became of each model that was built or whose tests ran.

    `ranges` are the partitions of the invocation, None for unpartitioned models.
    """
    touched = [
        model
        for model in models
        if result.ended(model.unique_id, Status.SUCCESS)
        or any(result.ended(test.unique_id, *_JUDGED) for test in model.tests)
    ]
    with warehouse.exclusive(), warehouse.session() as session:
        rows = count_rows(session, {m.relation: m.partitioned for m in touched}, ranges)
        return [
            Audit(
                model,
                rows[model.relation],
                session.columns(model.relation),
                _outcomes(session, result, model, (rows[model.relation], ranges)),
            )
            for model in touched
        ]


def _outcomes(
    session: Session,
    result: DbtResult,
    model: Model,
    held: tuple[Mapping[str | None, int], Ranges | None],
) -> tuple[Outcome, ...]:
    rows, ranges = held
    return tuple(
        outcome
        for test in model.tests
        if result.ended(test.unique_id, *_JUDGED)
        for outcome in (
            _by_partition(session, result, test, (rows, ranges))
            if ranges and result.partitions
            else [_whole(session, result.by_id[test.unique_id], test, rows[None])]
        )
    )


def _by_partition(
    session: Session,
    result: DbtResult,
    test: DbtTest,
    held: tuple[Mapping[str | None, int], Ranges],
) -> list[Outcome]:
    """A failed test is counted again in each partition by its own query."""
    rows, ranges = held
    node = result.by_id[test.unique_id]
    failing = dict.fromkeys(ranges, 0)
    whole = result.partitions
    if whole and node.status in (Status.WARN, Status.FAIL):
        failing = failures_by_partition(session, node, whole, ranges)
    return [
        Outcome(
            check=test.name,
            partition=key,
            passed=node.status is not Status.ERROR and not failing[key],
            failing_rows=failing[key],
            total_rows=rows[key],
            samples=_samples(session, node, test, (whole, part))
            if failing[key]
            else (),
            detail=node.message if node.status is Status.ERROR else "",
        )
        for key, part in ranges.items()
    ]


def _whole(session: Session, node: NodeResult, test: DbtTest, rows: int) -> Outcome:
    failing = node.failures or 0
    return Outcome(
        check=test.name,
        partition=None,
        passed=node.status is Status.PASS,
        failing_rows=failing,
        total_rows=rows,
        samples=_samples(session, node, test, (None, None)) if failing else (),
        detail=node.message if node.status is Status.ERROR else "",
    )


def _samples(
    session: Session,
    node: NodeResult,
    test: DbtTest,
    bounds: tuple[tuple[date, date] | None, tuple[date, date] | None],
) -> tuple[dict[str, Scalar], ...]:
    """Failing rows of a test that nobody expects to fail; the others are known."""
    if test.expectation.expected_failure_rate is not None:
        return ()
    return sample_failures(session, node, *bounds)
