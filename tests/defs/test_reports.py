"""The report's asset renders, keeps and describes what it made."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from analytics_platform.adapters.model_registry import ModelRegistry
from analytics_platform.adapters.report_store import ReportStore
from analytics_platform.adapters.snapshots import SnapshotStore
from analytics_platform.contracts.domain import Domain
from analytics_platform.defs import reports
from tests.support.model_domain import DOMAIN, mlflow_database, registry
from tests.support.order_snapshot import REPORT, VERSION, publish_orders
from tests.support.reports import verdict

__all__ = ["mlflow_database", "registry"]

# Only the relation: what a metric is, the tests of the semantic layer say.
SPEC = REPORT.model_copy(update={"headlines": (), "sections": REPORT.sections[2:]})
SHOP = DOMAIN.model_copy(update={"reports": (SPEC,)})


@dataclass(frozen=True)
class Platform:
    """What the asset needs, and a way to run it."""

    domain: Domain
    registry: ModelRegistry
    instance: dg.DagsterInstance

    def materialize(self) -> dg.ExecuteInProcessResult:
        store = self.registry.store
        artifacts = self.registry.artifacts
        (asset,) = reports.build(self.domain).assets or ()
        assert isinstance(asset, dg.AssetsDefinition)
        return dg.materialize(
            [asset],
            instance=self.instance,
            resources={
                "snapshots": SnapshotStore(artifacts, store),
                "registry": self.registry,
                "store": store,
                "reports": ReportStore(artifacts),
            },
            raise_on_error=False,
        )


@pytest.fixture
def platform(registry: ModelRegistry) -> Iterator[Platform]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Platform(SHOP, registry, instance)


def metadata(platform: Platform) -> dict[str, object]:
    key = reports.report_key(SPEC)
    event = platform.instance.get_latest_materialization_event(key)
    assert event
    assert event.asset_materialization
    return {k: v.value for k, v in event.asset_materialization.metadata.items()}


def test_the_page_is_stored_and_described(platform: Platform) -> None:
    publish_orders(platform.registry.artifacts, platform.registry.store)
    platform.registry.store.verdicts.record([verdict("key_is_unique")])
    assert platform.materialize().success
    told = metadata(platform)
    assert Path(str(told["page"])).read_text().startswith("<!doctype html>")
    assert told["badge"] == "green"
    assert told["snapshot"] == VERSION
    assert "Orders" in str(told["preview"])


def test_the_latest_report_is_current_and_in_the_ledger(platform: Platform) -> None:
    publish_orders(platform.registry.artifacts, platform.registry.store)
    platform.materialize()
    platform.materialize()
    store = platform.registry.store
    current = store.releases.current("report/orders")
    assert current
    assert current.version == metadata(platform)["version"]
    entries = store.ledger.entries("report/orders")
    assert [entry.action for entry in entries] == ["publish", "publish"]
    assert all(len(str(entry.details["page_sha256"])) == 64 for entry in entries)


def test_every_column_of_the_report_has_a_lineage(platform: Platform) -> None:
    publish_orders(platform.registry.artifacts, platform.registry.store)
    platform.materialize()
    told = metadata(platform)
    schema, lineage = (
        told["dagster/column_schema"],
        told["dagster/column_lineage"],
    )
    assert isinstance(schema, dg.TableSchema)
    assert isinstance(lineage, dg.TableColumnLineage)
    assert {column.name for column in schema.columns} == set(lineage.deps_by_column)
    assert lineage.deps_by_column["longest.shop"] == [
        dg.TableColumnDep(dg.AssetKey(["marts", "fct_orders"]), "shop")
    ]


def test_without_a_snapshot_the_step_fails_and_is_not_retried(
    platform: Platform,
) -> None:
    result = platform.materialize()
    assert not result.success
    kinds = [event.event_type for event in result.all_events]
    assert dg.DagsterEventType.STEP_UP_FOR_RETRY not in kinds


def test_the_asset_waits_for_snapshot_and_releases() -> None:
    (asset,) = reports.build(SHOP).assets or ()
    assert isinstance(asset, dg.AssetsDefinition)
    read = {key.to_user_string() for key in asset.dependency_keys}
    assert {"published/snapshot", "releases/delay", "releases/late"} <= read
