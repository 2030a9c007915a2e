"""What assets are given: adapters opened from the settings, nothing else."""

from dataclasses import dataclass

from analytics_platform.adapters.artifacts import ArtifactStore
from analytics_platform.adapters.clock_state import open_clock
from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.dbt_project import DbtProject
from analytics_platform.adapters.model_registry import ModelRegistry
from analytics_platform.adapters.report_store import ReportStore
from analytics_platform.adapters.snapshots import SnapshotStore
from analytics_platform.adapters.warehouse import Warehouse, open_warehouse
from analytics_platform.clock import Clock
from analytics_platform.contracts.domain import Domain
from analytics_platform.core.ingestion import raw_columns
from analytics_platform.domains.loader import load_domain
from analytics_platform.settings import Settings


@dataclass(frozen=True)
class Resources:
    """Every adapter of the batch platform; each connects when first used.

    The attributes' names are those under which Dagster hands them to assets.
    """

    settings: Settings
    domain: Domain
    clock: Clock
    warehouse: Warehouse
    store: ControlStore
    dbt: DbtProject
    artifacts: ArtifactStore
    snapshots: SnapshotStore
    registry: ModelRegistry
    reports: ReportStore


def open_resources(settings: Settings) -> Resources:
    """The adapters that the settings name."""
    warehouse = open_warehouse(settings)
    store = ControlStore.open(settings.control_store_url)
    artifacts = ArtifactStore(
        settings.artifacts_url, cache=settings.home / "cache" / "artifacts"
    )
    domain = load_domain(settings.domain)
    return Resources(
        settings=settings,
        domain=domain,
        clock=open_clock(settings),
        warehouse=warehouse,
        store=store,
        dbt=DbtProject(settings, warehouse, raw_columns(domain)),
        artifacts=artifacts,
        snapshots=SnapshotStore(artifacts, store, settings.snapshots),
        registry=ModelRegistry(settings, artifacts, store),
        reports=ReportStore(artifacts),
    )
