"""Writes checks and their verdicts as Dagster's check specs and evaluations."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import dagster as dg

from analytics_platform.contracts.domain import Expectation, Severity
from analytics_platform.contracts.records import Scalar, Verdict

_SHOWN_ROWS = 10
_SHOWN_PARTITIONS = 12
_SEVERITY = {
    Severity.ERROR: dg.AssetCheckSeverity.ERROR,
    Severity.WARN: dg.AssetCheckSeverity.WARN,
}


def check_specs(
    asset: dg.AssetKey, expectations: Iterable[Expectation]
) -> list[dg.AssetCheckSpec]:
    """One named check per expectation, blocking as declared."""
    return [
        dg.AssetCheckSpec(
            name=expectation.name,
            asset=asset,
            description=expectation.description,
            blocking=expectation.blocking and expectation.severity is Severity.ERROR,
            metadata=_declared(expectation),
        )
        for expectation in expectations
    ]


def log_checks(context: dg.AssetExecutionContext, verdicts: Iterable[Verdict]) -> None:
    """Log the evaluations of a step's verdicts."""
    for evaluation in evaluations(verdicts):
        context.log_event(evaluation)


def evaluations(verdicts: Iterable[Verdict]) -> Iterator[dg.AssetCheckEvaluation]:
    """Each check's evaluations: one per partition of news, then one of the run.

    An event costs Dagster 10 ms, so a check that is green or fails as documented in
    twelve partitions is one event with a table, not twelve. The run's comes last: it is
    what the interface shows. A run of one partition gives one event, with its key.
    """
    grouped: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in verdicts:
        grouped.setdefault((verdict.asset, verdict.check), []).append(verdict)
    for members in grouped.values():
        if len(members) == 1:
            yield _evaluation(members, members[0].partition)
            continue
        for verdict in members:
            if not verdict.passed and not verdict.known_defect:
                yield _evaluation([verdict], verdict.partition)
        yield _evaluation(members, None)


def _evaluation(
    members: Sequence[Verdict], partition: str | None
) -> dg.AssetCheckEvaluation:
    """One evaluation of what one check said of some partitions of an asset."""
    failed = [verdict for verdict in members if not verdict.passed]
    worst = next((one for one in failed if one.is_red), (failed or list(members))[0])
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey.from_user_string(worst.asset),
        check_name=worst.check,
        passed=not failed,
        severity=_SEVERITY[worst.severity],
        blocking=worst.blocking and worst.severity is Severity.ERROR,
        partition=partition,
        description=_description(members, failed),
        metadata=_found(members, failed),
    )


def _description(members: Sequence[Verdict], failed: Sequence[Verdict]) -> str | None:
    if len(members) == 1:
        return members[0].detail or None
    if not failed:
        return f"All {len(members)} partitions pass."
    named = [one.partition or "all" for one in failed[:_SHOWN_PARTITIONS]]
    more = ", …" if len(failed) > len(named) else ""
    return f"{len(failed)} of {len(members)} partitions fail: {', '.join(named)}{more}."


def _found(
    members: Sequence[Verdict], failed: Sequence[Verdict]
) -> dict[str, dg.MetadataValue]:
    total = sum(one.total_rows for one in members)
    failing = sum(one.failing_rows for one in members)
    found: dict[str, dg.MetadataValue] = {
        "failing_rows": dg.MetadataValue.int(failing),
        "total_rows": dg.MetadataValue.int(total),
    }
    if total:
        found["failing_share"] = dg.MetadataValue.float(failing / total)
    if failed:
        found["expected_by_the_data"] = dg.MetadataValue.bool(
            all(one.known_defect for one in failed)
        )
        found["failing_partitions"] = _table(
            [
                {
                    "partition": one.partition or "all",
                    "failing_rows": one.failing_rows,
                    "total_rows": one.total_rows,
                    "known": one.known_defect,
                    "detail": one.detail,
                }
                for one in failed
            ]
        )
    samples = [sample for one in failed for sample in one.samples][:_SHOWN_ROWS]
    if samples:
        found["failing_row_samples"] = _table(samples)
    return found


def _table(rows: Sequence[Mapping[str, Scalar]]) -> dg.MetadataValue:
    names = list(rows[0])
    records = [
        dg.TableRecord({name: _shown(row.get(name)) for name in names}) for row in rows
    ]
    schema = dg.TableSchema([dg.TableColumn(name) for name in names])
    return dg.MetadataValue.table(records=records, schema=schema)


def _shown(value: Scalar) -> str | int | float:
    return "null" if value is None else value


def _declared(expectation: Expectation) -> dict[str, dg.MetadataValue]:
    declared: dict[str, dg.MetadataValue] = {
        "expectation": dg.MetadataValue.text(expectation.type),
        "severity": dg.MetadataValue.text(expectation.severity.value),
    }
    if expectation.expected_failure_rate is not None:
        declared["expected_failure_rate"] = dg.MetadataValue.float(
            expectation.expected_failure_rate
        )
    if expectation.because:
        declared["because"] = dg.MetadataValue.text(expectation.because)
    return declared
