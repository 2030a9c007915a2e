"""The asset that publishes."""

from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from analytics_platform.adapters.snapshots import SnapshotStore
from analytics_platform.clock import FixedClock
from analytics_platform.contracts.domain import (
    Aggregate,
    Domain,
    FeatureSpec,
    FeatureView,
    Severity,
)
from analytics_platform.contracts.records import Verdict
from analytics_platform.defs import publishing
from tests.support.instants import at
from tests.support.model_domain import DOMAIN
from tests.support.publisher import fill, open_snapshots, open_warehouse

VIEW = FeatureView(
    name="trip_history",
    description="Trips before.",
    owner="team:data",
    entity=("trip",),
    source="fct_trips",
    event_time="day",
    knowledge_time="day",
    ttl=timedelta(days=1),
    features=(
        FeatureSpec(
            name="trips",
            description="Trips.",
            aggregate=Aggregate.COUNT,
            expression="1",
            length=timedelta(days=1),
        ),
    ),
)
TRIPS = DOMAIN.model_copy(
    update={"name": "trips", "published": ("fct_trips",), "feature_views": (VIEW,)}
)


class Manifest:
    """Where a dbt project's semantic manifest lies."""

    def __init__(self, home: Path) -> None:
        self.semantic_manifest_path = home / "semantic_manifest.json"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose warehouse has tables to publish."""
    fill(tmp_path)
    return tmp_path


def definitions(home: Path, snapshots: SnapshotStore, domain: Domain) -> dg.Definitions:
    raw = dg.AssetSpec(["raw", "trips"])
    mart = dg.AssetSpec(["marts", "fct_trips"], deps=[raw])
    view = dg.AssetSpec(["features", "trip_history"], deps=[mart])
    upstream = dg.Definitions(assets=[raw, mart, view, dg.AssetSpec(["raw", "else"])])
    resources = dg.Definitions(
        resources={
            "clock": FixedClock(at(0)),
            "warehouse": open_warehouse(home),
            "dbt": Manifest(home),
            "snapshots": snapshots,
        }
    )
    return dg.Definitions.merge(upstream, publishing.build(domain), resources)


def materialize(home: Path, snapshots: SnapshotStore) -> dg.ExecuteInProcessResult:
    """Materialize the snapshot alone, as `--select published/snapshot` does."""
    job = definitions(home, snapshots, TRIPS).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        return job.execute_in_process(
            asset_selection=[publishing.SNAPSHOT],
            instance=instance,
            raise_on_error=False,
        )


def red(asset: str, *, blocking: bool = True) -> Verdict:
    return Verdict(
        asset=asset,
        partition="2013-03-01",
        check="not_null",
        passed=False,
        severity=Severity.ERROR,
        blocking=blocking,
        failing_rows=1,
        total_rows=2,
        run_id="run",
        evaluated_at=at(0),
    )


def test_the_snapshot_is_published_and_described(home: Path) -> None:
    snapshots = open_snapshots(home)
    result = materialize(home, snapshots)
    assert result.success
    found = snapshots.current()
    assert found is not None
    assert (found.manifest.domain, found.manifest.as_of) == ("trips", at(0))
    assert found.manifest.run_id == result.run_id
    (event,) = result.asset_materializations_for_node("published__snapshot")
    told = {name: value.value for name, value in event.metadata.items()}
    assert told["version"] == found.manifest.version
    assert told["rows"] == {
        "fct_trips": 1000,
        "trip_history": 1000,
        "verdicts": 0,
        "profiles": 0,
    }
    assert told["status"] == "green"


def test_it_depends_on_every_published_mart_and_feature_view(home: Path) -> None:
    graph = definitions(home, open_snapshots(home), TRIPS).resolve_asset_graph()
    parents = graph.get(publishing.SNAPSHOT).parent_keys
    assert {key.to_user_string() for key in parents} == {
        "marts/fct_trips",
        "features/trip_history",
    }


@pytest.mark.parametrize(
    "asset", ["raw/trips", "marts/fct_trips", "features/trip_history"]
)
def test_a_red_blocking_check_upstream_keeps_the_last_version(
    home: Path, asset: str
) -> None:
    snapshots = open_snapshots(home)
    materialize(home, snapshots)
    before = snapshots.current()
    snapshots.store.verdicts.record([red(asset)])
    result = materialize(home, snapshots)
    assert not result.success
    assert snapshots.current() == before
    (failure,) = result.get_step_failure_events()
    assert failure.step_failure_data.user_failure_data is not None
    told = failure.step_failure_data.user_failure_data.description
    assert f"{asset} 2013-03-01 (not_null)" in str(told)


@pytest.mark.parametrize("verdict", [red("raw/else"), red("raw/trips", blocking=False)])
def test_a_check_elsewhere_or_one_that_does_not_block_keeps_nothing_back(
    home: Path, verdict: Verdict
) -> None:
    snapshots = open_snapshots(home)
    snapshots.store.verdicts.record([verdict])
    assert materialize(home, snapshots).success
    found = snapshots.current()
    assert found is not None
    assert found.manifest.status == "warning"


def test_a_changed_declaration_changes_the_version_of_its_view(home: Path) -> None:
    snapshots = open_snapshots(home)
    materialize(home, snapshots)
    found = snapshots.current()
    assert found is not None
    longer = VIEW.model_copy(update={"ttl": timedelta(days=2)})
    assert set(found.manifest.feature_views) == {"trip_history"}
    assert publishing._version(longer) != publishing._version(VIEW)
