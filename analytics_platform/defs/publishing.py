"""The published snapshot: what readers outside the warehouse see."""

import hashlib

import dagster as dg

from analytics_platform.adapters.dbt_project import DbtProject
from analytics_platform.adapters.snapshot_publication import Part, Publication
from analytics_platform.adapters.snapshots import SnapshotStore
from analytics_platform.adapters.warehouse import Warehouse
from analytics_platform.clock import Clock, WallClock
from analytics_platform.contracts.domain import Domain, FeatureView
from analytics_platform.contracts.records import SnapshotManifest
from analytics_platform.core.features import relation_of
from analytics_platform.defs.gate import require_open
from analytics_platform.defs.retries import retrying

SNAPSHOT = dg.AssetKey(["published", "snapshot"])


def build(domain: Domain) -> dg.Definitions:
    """The asset that publishes the domain's marts and feature views."""

    @dg.asset(
        key=SNAPSHOT,
        deps=[dg.AssetKey(part.relation.split(".")) for part in parts(domain)],
        group_name="publishing",
        owners=["team:data-platform"],
        kinds={"parquet"},
        tags={"domain": domain.name},
        description="Published marts, feature views, semantic manifest and quality "
        "results as one immutable version; API and reports read the current one.",
        pool="warehouse",
    )
    def snapshot(
        context: dg.AssetExecutionContext,
        clock: dg.ResourceParam[Clock],
        warehouse: dg.ResourceParam[Warehouse],
        dbt: dg.ResourceParam[DbtProject],
        snapshots: dg.ResourceParam[SnapshotStore],
    ) -> dg.MaterializeResult[None]:
        require_open(context, snapshots.store)
        with retrying(context):
            what = Publication(
                domain=domain.name,
                run_id=context.run.run_id,
                as_of=clock.now(),
                parts=parts(domain),
                semantic_manifest=dbt.semantic_manifest_path,
                feature_views={v.name: _version(v) for v in domain.feature_views},
            )
            manifest = snapshots.publish(what, warehouse, at=WallClock().now())
            return dg.MaterializeResult(metadata=_metadata(manifest))

    return dg.Definitions(assets=[snapshot])


def parts(domain: Domain) -> tuple[Part, ...]:
    """What a snapshot of the domain takes from the warehouse."""
    marts = [Part(name, f"marts.{name}", "mart") for name in domain.published]
    views = [
        Part(view.name, f"features.{view.name}", "features")
        for view in domain.feature_views
    ]
    return (*marts, *_sources(domain), *views)


def _sources(domain: Domain) -> list[Part]:
    """What feature views are computed from, where that is no published mart.

    Whoever serves features at any moment computes them from these rows.
    """
    relations = [relation_of(view.source) for view in domain.feature_views]
    published = {f"marts.{name}" for name in domain.published}
    return [
        Part(relation.rpartition(".")[2], relation, "source")
        for relation in dict.fromkeys(relations)
        if relation not in published
    ]


def _version(view: FeatureView) -> str:
    """What changes whenever the view's declaration does."""
    return hashlib.sha256(view.model_dump_json().encode()).hexdigest()[:16]


def _metadata(manifest: SnapshotManifest) -> dict[str, dg.MetadataValue]:
    rows = {one.name: one.rows for one in manifest.tables}
    return {
        "version": dg.MetadataValue.text(manifest.version),
        "status": dg.MetadataValue.text(manifest.status),
        "as_of": dg.MetadataValue.text(manifest.as_of.isoformat()),
        "path": dg.MetadataValue.path(f"snapshots/{manifest.version}"),
        "rows": dg.MetadataValue.json(rows),
        "bytes": dg.MetadataValue.int(sum(one.bytes for one in manifest.tables)),
        "dagster/row_count": dg.MetadataValue.int(sum(rows.values())),
    }
