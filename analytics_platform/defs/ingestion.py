"""Sources and raw tables: what arrives, and what of it is let in."""

from collections.abc import Callable, Iterator

import dagster as dg

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.ingestion import Ingestion
from analytics_platform.adapters.warehouse import Warehouse
from analytics_platform.clock import Clock, WallClock
from analytics_platform.contracts.domain import Domain, FileInbox, TableSpec
from analytics_platform.core.ingestion import (
    contract_check,
    corrections_of,
    is_partitioned,
    merged_check,
)
from analytics_platform.defs.check_evaluations import check_specs
from analytics_platform.defs.inbox_sensor import inbox_sensor
from analytics_platform.defs.partition_results import emit
from analytics_platform.defs.partitions import partitions_definition
from analytics_platform.defs.retries import retrying
from analytics_platform.defs.source_columns import (
    column_lineage,
    column_schema,
    raw_key,
    source_key,
)
from analytics_platform.settings import Settings

Events = Iterator[dg.MaterializeResult[None] | dg.Output[None]]

_KINDS = {
    "distribution": "csv",
    "package": "csv",
    "sql": "sql",
    "rest": "api",
    "inbox": "file",
}


def build(domain: Domain) -> dg.Definitions:
    """One external node per source, one asset per raw table, one sensor per inbox."""
    return dg.Definitions(
        assets=[
            *(_source(spec) for spec in domain.tables),
            *(_raw_table(spec, domain) for spec in domain.tables),
        ],
        sensors=[
            inbox_sensor(spec, domain)
            for spec in domain.tables
            if isinstance(spec.source, FileInbox)
        ],
    )


def _source(spec: TableSpec) -> dg.AssetSpec:
    return dg.AssetSpec(
        source_key(spec),
        description=f"Where raw.{spec.name} comes from. {spec.description}",
        group_name="sources",
        owners=[spec.owner],
        kinds={_KINDS[spec.source.kind]},
        metadata={"dagster/column_schema": column_schema(spec, derived=False)},
    )


def _raw_table(spec: TableSpec, domain: Domain) -> dg.AssetsDefinition:
    corrections = corrections_of(spec, domain.tables)
    checks = [contract_check(spec), *spec.expectations]
    if corrections:
        checks.append(merged_check())
    parts = partitions_definition(domain.partitions) if is_partitioned(spec) else None
    asset: dg.AssetsDefinition = dg.asset(
        key=raw_key(spec),
        deps=[source_key(spec), *(raw_key(table) for table in corrections)],
        description=spec.description,
        group_name="ingestion",
        owners=[spec.owner],
        kinds={"dlt", _KINDS[spec.source.kind]},
        tags={"domain": domain.name, "layer": "raw"},
        metadata={
            "dagster/column_schema": column_schema(spec),
            "dagster/column_lineage": column_lineage(spec, corrections),
        },
        check_specs=check_specs(raw_key(spec), checks),
        partitions_def=parts,
        backfill_policy=dg.BackfillPolicy.single_run() if parts else None,
        pool="warehouse",
    )(_step(spec, domain))
    return asset


def _step(spec: TableSpec, domain: Domain) -> Callable[..., Events]:
    def load(
        context: dg.AssetExecutionContext,
        settings: dg.ResourceParam[Settings],
        clock: dg.ResourceParam[Clock],
        warehouse: dg.ResourceParam[Warehouse],
        store: dg.ResourceParam[ControlStore],
    ) -> Events:
        ingestion = Ingestion(settings, domain, warehouse, store)
        with retrying(context):
            result = ingestion.load(
                spec,
                context.partition_keys if is_partitioned(spec) else None,
                run_id=context.run.run_id,
                at=clock.now(),
                now=WallClock().now(),
            )
        rows = {part: {"dagster/row_count": n} for part, n in result.rows.items()}
        whole = {**rows.pop(None, {}), "quarantined": len(result.quarantined)}
        by_part = {str(part): told for part, told in rows.items()}
        parts = by_part if is_partitioned(spec) else None
        yield from emit(context, raw_key(spec), result.verdicts, parts, whole)

    return load
