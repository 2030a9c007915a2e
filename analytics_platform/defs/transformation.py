"""The dbt models as assets: what whole tables and what partitions one step builds."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import dagster as dg

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.dbt_audit import Audit, audit
from analytics_platform.adapters.dbt_project import DbtProject
from analytics_platform.adapters.dbt_results import DbtResult, Ranges, Status
from analytics_platform.adapters.warehouse import Warehouse
from analytics_platform.clock import Clock
from analytics_platform.contracts.domain import Domain
from analytics_platform.contracts.records import Verdict
from analytics_platform.core.dbt_manifest import Model, Step, read_models, steps
from analytics_platform.core.partitions import bounds
from analytics_platform.core.quality import verdicts
from analytics_platform.defs.check_evaluations import log_checks
from analytics_platform.defs.dbt_specs import asset_spec, column_schema, test_specs
from analytics_platform.defs.gate import require_open
from analytics_platform.defs.partition_results import (
    AssetResult,
    Event,
    Metadata,
    report,
)
from analytics_platform.defs.partitions import partitions_definition
from analytics_platform.defs.quality import judged_anyway
from analytics_platform.defs.retries import retrying


@dataclass(frozen=True)
class _Selection:
    """What a run wants of a step: models to build, and tests to run."""

    models: tuple[Model, ...]
    names: tuple[str, ...]
    ranges: Ranges | None

    @property
    def whole(self) -> tuple[date, date] | None:
        """The range from the first partition's start to the last one's end."""
        if self.ranges is None:
            return None
        parts = list(self.ranges.values())
        return parts[0][0], parts[-1][1]


def build(domain: Domain, manifest: dict[str, Any]) -> dg.Definitions:
    """One multi-asset per step of the dbt project, each test a check of its model."""
    return dg.Definitions(
        assets=[
            _step_assets(domain, manifest, step)
            for step in steps(read_models(manifest))
        ]
    )


def _step_assets(
    domain: Domain, manifest: Mapping[str, Any], step: Step
) -> dg.AssetsDefinition:
    partitions = partitions_definition(domain.partitions) if step.partitioned else None

    @dg.multi_asset(
        name=f"dbt_{step.number}_{'partitions' if step.partitioned else 'tables'}",
        specs=[asset_spec(model, manifest, partitions) for model in step.models],
        check_specs=[spec for model in step.models for spec in test_specs(model)],
        backfill_policy=dg.BackfillPolicy.single_run() if step.partitioned else None,
        can_subset=True,
        pool="warehouse",
    )
    def models(
        context: dg.AssetExecutionContext,
        clock: dg.ResourceParam[Clock],
        warehouse: dg.ResourceParam[Warehouse],
        store: dg.ResourceParam[ControlStore],
        dbt: dg.ResourceParam[DbtProject],
    ) -> Iterator[Event]:
        require_open(context, store)
        with retrying(context), warehouse.exclusive():
            wanted = _selection(context, domain, step)
            now = clock.now()
            result = dbt.build(wanted.names, wanted.whole, now=now)
            audits = audit(warehouse, result, step.models, wanted.ranges)
            run_id = context.run.run_id
            found = [_found(one, result, run_id, now) for one in audits]
            store.verdicts.record([one for each in found for one in each.verdicts])
        yield from _only_judged(context, found)
        _log_errors(context, result)
        built = [one for one in found if _is_selected(context, one)]
        with judged_anyway(context, domain, built):
            yield from report(context, built)
            _refuse_unbuilt(result)

    return models


def _selection(
    context: dg.AssetExecutionContext, domain: Domain, step: Step
) -> _Selection:
    assets = {key.to_user_string() for key in context.selected_asset_keys}
    checks = {
        (key.asset_key.to_user_string(), key.name)
        for key in context.selected_asset_check_keys
    }
    models = tuple(model for model in step.models if model.asset in assets)
    tests = [
        test.name
        for model in step.models
        for test in model.tests
        if (model.asset, test.name) in checks
    ]
    ranges = (
        {key: bounds(domain.partitions, key, key) for key in context.partition_keys}
        if step.partitioned
        else None
    )
    return _Selection(models, (*(model.name for model in models), *tests), ranges)


def _found(found: Audit, result: DbtResult, run_id: str, now: datetime) -> AssetResult:
    model = found.model
    node = result.by_id.get(model.unique_id)
    judged: list[Verdict] = verdicts(
        found.outcomes,
        [test.expectation for test in model.tests],
        asset=model.asset,
        run_id=run_id,
        evaluated_at=now,
    )
    metadata: dict[str, dg.MetadataValue | str | int | float] = {
        "dagster/row_count": sum(found.rows.values()),
        "dagster/column_schema": dg.MetadataValue.table_schema(
            column_schema(model, found.columns)
        ),
        "seconds": round(node.seconds, 3) if node else 0.0,
    }
    return AssetResult(
        asset=dg.AssetKey(model.asset.split("/")),
        verdicts=judged,
        partitions=_partition_rows(found) if model.partitioned else None,
        metadata=metadata,
    )


def _partition_rows(found: Audit) -> dict[str, Metadata]:
    return {
        key: {"dagster/partition_row_count": rows}
        for key, rows in found.rows.items()
        if key is not None
    }


def _is_selected(context: dg.AssetExecutionContext, found: AssetResult) -> bool:
    return found.asset in context.selected_asset_keys


def _only_judged(
    context: dg.AssetExecutionContext, found: list[AssetResult]
) -> Iterator[dg.Output[None]]:
    """Checks that were run on their own, without building their model."""
    judged = [one for one in found if not _is_selected(context, one)]
    log_checks(context, [verdict for one in judged for verdict in one.verdicts])
    assets = {one.asset for one in judged}
    for spec in context.assets_def.check_specs:
        if spec.asset_key in assets and spec.key in context.selected_asset_check_keys:
            yield dg.Output(None, output_name=spec.get_python_identifier())


def _log_errors(context: dg.AssetExecutionContext, result: DbtResult) -> None:
    for node in result.nodes:
        if node.status is Status.ERROR:
            context.log.error("%s: %s", node.unique_id, node.message)


def _refuse_unbuilt(result: DbtResult) -> None:
    unbuilt = [
        f"{node.unique_id} ({node.status}) {node.message}".strip()
        for node in result.nodes
        if node.status in (Status.ERROR, Status.SKIPPED) and node.kind != "test"
    ]
    if unbuilt:
        raise dg.Failure(
            description="dbt could not build " + "; ".join(unbuilt), allow_retries=False
        )
