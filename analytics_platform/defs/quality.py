"""The domain's own checks of dbt models, and what their columns hold."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.warehouse import Warehouse
from analytics_platform.clock import Clock
from analytics_platform.contracts.domain import Domain, ModelCheck
from analytics_platform.core.partitions import keys
from analytics_platform.core.quality import red_partitions
from analytics_platform.defs.check_evaluations import (
    check_specs,
    evaluations,
    log_checks,
)
from analytics_platform.defs.partition_results import (
    AssetResult,
    good_parts,
    red_failure,
)
from analytics_platform.defs.profile_tables import profile_metadata
from analytics_platform.defs.retries import retrying

if TYPE_CHECKING:  # a code location loads this module and must not pay for adapters
    from analytics_platform.adapters.model_audit import ModelAudit

Event = dg.AssetCheckEvaluation | dg.AssetObservation | dg.Output[None]

_MARTS = "marts"
_PARTITION = "dagster/partition"
_FIRST = "dagster/asset_partition_range_start"
_LAST = "dagster/asset_partition_range_end"


def build(domain: Domain) -> dg.Definitions:
    """One step of checks per model that the domain checks.

    They run after the model's step: a model's rows are in place when they are judged,
    and what they find keeps back what is built from it.
    """
    return dg.Definitions(
        asset_checks=[_model_checks(domain, check) for check in domain.model_checks]
    )


def model_key(check: ModelCheck) -> dg.AssetKey:
    """The asset of a checked model: in marts, unless it is named `schema.model`."""
    return dg.AssetKey(_relation(check).split("."))


@contextmanager
def judged_anyway(
    context: dg.AssetExecutionContext, domain: Domain, built: Sequence[AssetResult]
) -> Iterator[None]:
    """Around the end of a step: if that fails, check what the step built well here.

    Dagster skips the steps of checks behind a failed step, though it built good
    partitions, and these are read by the runs that follow.
    """
    try:
        yield
    except dg.Failure:
        for check in domain.model_checks:
            for one in built:
                parts = good_parts(one)
                if one.asset == model_key(check) and parts:
                    with retrying(context):
                        _judge_here(context, domain, check, parts)
        raise


def _judge_here(
    context: dg.AssetExecutionContext,
    domain: Domain,
    check: ModelCheck,
    parts: Sequence[str | None],
) -> None:
    resources = context.resources
    found = _audited(
        domain,
        check,
        (resources.warehouse, resources.store, resources.clock),
        run_id=context.run.run_id,
        parts=[part for part in parts if part is not None] or None,
    )
    context.log_event(_observation(model_key(check), found))
    log_checks(context, found.verdicts)


def _model_checks(domain: Domain, check: ModelCheck) -> dg.AssetChecksDefinition:
    key = model_key(check)

    @dg.multi_asset_check(
        name=f"checks_of_{'_'.join(key.path)}",
        specs=check_specs(key, check.expectations),
        pool="warehouse",
    )
    def checks(
        context: dg.AssetCheckExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        store: dg.ResourceParam[ControlStore],
        clock: dg.ResourceParam[Clock],
    ) -> Iterator[Event]:
        with retrying(context.op_execution_context):
            found = _audited(
                domain,
                check,
                (warehouse, store, clock),
                run_id=context.run.run_id,
                parts=_partitions_of_run(context, domain),
            )
        yield from _told(key, check, found)

    return checks


def _audited(
    domain: Domain,
    check: ModelCheck,
    place: tuple[Warehouse, ControlStore, Clock],
    *,
    run_id: str,
    parts: list[str] | None,
) -> "ModelAudit":
    from analytics_platform.adapters.model_audit import ModelAuditor

    warehouse, store, clock = place
    auditor = ModelAuditor(warehouse, store, run_id, clock.now())
    return auditor.audit(
        _relation(check), check.expectations, parts, personal=_personal(domain)
    )


def _personal(domain: Domain) -> set[str]:
    """Columns that are masked wherever they keep their name in a model."""
    return {
        column.name
        for table in domain.tables
        for column in table.columns
        if column.personal
    }


def _relation(check: ModelCheck) -> str:
    return check.model if "." in check.model else f"{_MARTS}.{check.model}"


def _partitions_of_run(
    context: dg.AssetCheckExecutionContext, domain: Domain
) -> list[str] | None:
    """The partitions that the run builds; None for a run without any."""
    tags = context.run.tags
    first = tags.get(_FIRST, tags.get(_PARTITION))
    last = tags.get(_LAST, tags.get(_PARTITION))
    if first is None or last is None:
        return None
    return [key for key in keys(domain.partitions) if first <= key <= last]


def _told(key: dg.AssetKey, check: ModelCheck, found: "ModelAudit") -> Iterator[Event]:
    yield _observation(key, found)
    yield from evaluations(found.verdicts)
    red = red_partitions(found.verdicts)
    if red:
        raise red_failure({key.to_user_string(): red})
    for spec in check_specs(key, check.expectations):
        yield dg.Output(None, output_name=spec.get_python_identifier())


def _observation(key: dg.AssetKey, found: "ModelAudit") -> dg.AssetObservation:
    return dg.AssetObservation(
        asset_key=key,
        description="What its columns hold",
        metadata=profile_metadata(found.profile, found.before),
    )
