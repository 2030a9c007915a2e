"""Writes what a dbt manifest declares as Dagster's asset and check specs."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from analytics_platform.core.dbt_manifest import Model
from analytics_platform.defs.check_evaluations import check_specs

_Columns = Mapping[str, list[str]]


def asset_spec(
    model: Model,
    manifest: Mapping[str, Any],
    partitions: dg.PartitionsDefinition[str] | None,
) -> dg.AssetSpec:
    """The asset of one model: what it reads, its columns, and where they come from."""
    lineage = manifest["column_lineage"]["models"].get(model.unique_id)
    return dg.AssetSpec(
        key=model.asset.split("/"),
        deps=[dg.AssetKey(name.split("/")) for name in model.upstream],
        description=model.description,
        owners=[model.owner] if model.owner else [],
        group_name=model.schema,
        kinds={"dbt", manifest["metadata"]["adapter_type"]},
        tags={"dbt_kind": model.kind, "materialized": model.materialized},
        partitions_def=partitions,
        metadata={
            "dagster/table_name": model.relation,
            "dagster/column_schema": column_schema(model, {}),
            **(
                {} if lineage is None else {"dagster/column_lineage": _lineage(lineage)}
            ),
            **({"grain": list(model.grain)} if model.grain else {}),
        },
    )


def test_specs(model: Model) -> list[dg.AssetCheckSpec]:
    """One named check per test of the model."""
    key = dg.AssetKey(model.asset.split("/"))
    return check_specs(key, [test.expectation for test in model.tests])


def column_schema(model: Model, types: Mapping[str, str]) -> dg.TableSchema:
    """The documented columns with their units, and the engine's types if known."""
    return dg.TableSchema(
        [
            dg.TableColumn(
                name=column.name,
                type=types.get(column.name, "unknown"),
                description=_described(column.description, column.unit),
            )
            for column in model.columns
        ]
    )


def _described(description: str, unit: str | None) -> str:
    return f"{description} In {unit}." if unit else description


def _lineage(columns: _Columns) -> dg.TableColumnLineage:
    return dg.TableColumnLineage(
        {
            name: [_dependency(source) for source in sources]
            for name, sources in columns.items()
        }
    )


def _dependency(source: str) -> dg.TableColumnDep:
    asset, _, column = source.partition(".")
    return dg.TableColumnDep(dg.AssetKey(asset.split("/")), column)
