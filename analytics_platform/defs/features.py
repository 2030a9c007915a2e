"""The feature views as assets: point-in-time features of every spine row."""

import warnings
from collections.abc import Iterator

import dagster as dg

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.feature_views import materialize
from analytics_platform.adapters.warehouse import Warehouse
from analytics_platform.contracts.domain import Domain, FeatureView
from analytics_platform.core.feature_sql import Period
from analytics_platform.core.features import (
    column_sources,
    definition_version,
    feature_relation,
    output_columns,
    reach_back,
    relation_of,
)
from analytics_platform.core.partitions import bounds
from analytics_platform.defs.gate import require_open
from analytics_platform.defs.partition_results import Event, emit
from analytics_platform.defs.partitions import partitions_definition
from analytics_platform.defs.retries import retrying

GROUP = "features"


def build(domain: Domain) -> dg.Definitions:
    """One partitioned asset per feature view."""
    return dg.Definitions(
        assets=[_feature_view(view, domain) for view in domain.feature_views]
    )


def view_key(view: FeatureView) -> dg.AssetKey:
    """The asset of a feature view."""
    return _key(feature_relation(view))


def _feature_view(view: FeatureView, domain: Domain) -> dg.AssetsDefinition:
    @dg.asset(
        key=view_key(view),
        deps=_sources(view, domain),
        description=view.description,
        group_name=GROUP,
        owners=[view.owner],
        kinds={"sql", "features"},
        tags={"domain": domain.name, "layer": "features"},
        metadata={"dagster/column_lineage": column_lineage(view, domain)},
        code_version=definition_version(view, domain.spine),
        partitions_def=partitions_definition(domain.partitions),
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool="warehouse",
    )
    def features(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        store: dg.ResourceParam[ControlStore],
    ) -> Iterator[Event]:
        keys = sorted(context.partition_keys)
        period = Period(*bounds(domain.partitions, keys[0], keys[-1]))
        require_open(context, store)
        with retrying(context):
            table = materialize(warehouse, view, domain.spine, period)
        counts = {key: {"dagster/row_count": table.rows.get(key, 0)} for key in keys}
        schema = dg.MetadataValue.table_schema(
            column_schema(view, domain, table.columns)
        )
        told = {"dagster/column_schema": schema}
        yield from emit(context, view_key(view), [], counts, told)

    return features


def column_schema(
    view: FeatureView, domain: Domain, types: dict[str, str]
) -> dg.TableSchema:
    """The view's columns; features with their description and unit."""
    described = {feature.name: feature for feature in view.features}
    columns = []
    for name in output_columns(view, domain.spine):
        feature = described.get(name)
        unit = f" In {feature.unit}." if feature and feature.unit else ""
        text = feature.description + unit if feature else None
        columns.append(dg.TableColumn(name, types.get(name, "unknown"), text))
    return dg.TableSchema(columns)


def column_lineage(view: FeatureView, domain: Domain) -> dg.TableColumnLineage:
    """The columns of its source and of the spine behind each column."""
    return dg.TableColumnLineage(
        {
            name: [dg.TableColumnDep(_key(table), column) for table, column in found]
            for name, found in column_sources(view, domain.spine).items()
        }
    )


def _sources(view: FeatureView, domain: Domain) -> list[dg.AssetDep]:
    """The spine's partition, and of the source those before it that windows reach."""
    source, spine = relation_of(view.source), relation_of(domain.spine.source)
    back = _reaching_back(reach_back(view, domain.partitions))
    found = [dg.AssetDep(_key(source), partition_mapping=back)]
    return found if spine == source else [*found, dg.AssetDep(_key(spine))]


def _reaching_back(partitions: int) -> dg.TimeWindowPartitionMapping:
    """A partition's own upstream and that many before it, as far as there are any."""
    with warnings.catch_warnings():
        # The first partitions of a domain have too few before them; saying that this
        # is meant is in beta.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.TimeWindowPartitionMapping(
            start_offset=-partitions, allow_nonexistent_upstream_partitions=True
        )


def _key(relation: str) -> dg.AssetKey:
    return dg.AssetKey(relation.split("."))
