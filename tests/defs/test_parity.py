"""The raw table of a stream and its parity checks in Dagster."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from analytics_platform.adapters.control_store.migrations import migrate
from analytics_platform.adapters.warehouse import Warehouse
from analytics_platform.clock import FixedClock
from analytics_platform.contracts.records import Verdict
from analytics_platform.defs import events, parity
from analytics_platform.settings import Settings
from tests.domains.toy import DOMAIN
from tests.support.live_runs import SHAPES, STREAM, LiveRun, live_window, returns
from tests.support.load_events import NOW, EventHome

WINDOWS = tuple(live_window(shape) for shape in SHAPES)
TOY = DOMAIN.model_copy(update={"streams": (STREAM,), "live_windows": WINDOWS})
RIDES = dg.AssetKey(["raw", "rides"])
CHECKS = {f"parity_{shape}" for shape in SHAPES}


@dataclass(frozen=True)
class FakeDbt:
    """What the checks ask of the dbt project."""

    settings: Settings
    warehouse: Warehouse
    semantic_manifest_path: Path


@pytest.fixture
def home(tmp_path: Path) -> EventHome:
    return EventHome(tmp_path, None)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


def definitions(home: EventHome) -> dg.Definitions:
    run = LiveRun("", ())
    manifest = home.home / "semantic_manifest.json"
    manifest.write_text(json.dumps(run.metrics))
    warehouse = home.loader().warehouse
    resources = {
        "settings": home.settings,
        "clock": FixedClock(NOW),
        "warehouse": warehouse,
        "store": home.store,
        "dbt": FakeDbt(home.settings, warehouse, manifest),
    }
    return dg.Definitions.merge(
        events.build(TOY),
        parity.build(TOY),
        dg.Definitions(resources=resources, assets=[dg.AssetSpec("marts/fct_rentals")]),
    )


def run(home: EventHome, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    job = definitions(home).resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        instance=instance, asset_selection=[RIDES], raise_on_error=False
    )


def verdicts(home: EventHome) -> list[Verdict]:
    return home.store.verdicts.latest(["raw/rides"])


def test_a_stream_is_an_asset_behind_its_topic(home: EventHome) -> None:
    graph = definitions(home).resolve_asset_graph()
    node = graph.get(RIDES)
    assert {key.to_user_string() for key in node.parent_keys} == {"source/kafka/rides"}
    assert {key.name for key in node.check_keys} == CHECKS
    assert not node.is_partitioned
    assert (node.group_name, node.owners) == ("ingestion", ["team:bikes"])


def test_where_nothing_streams_a_run_succeeds_and_says_so(
    home: EventHome, instance: dg.DagsterInstance
) -> None:
    result = run(home, instance)
    assert result.success
    (event,) = result.asset_materializations_for_node("raw__rides")
    assert event.metadata["note"].value == "No broker runs: there is nothing new."
    assert event.metadata["dagster/row_count"].value == 0
    checks = result.get_asset_check_evaluations()
    assert {one.check_name for one in checks} == CHECKS
    assert not any(one.passed for one in checks)
    assert {one.severity for one in checks} == {dg.AssetCheckSeverity.WARN}
    assert all("no event was ever loaded" in (one.description or "") for one in checks)
    assert not any(one.is_red for one in verdicts(home))


def test_a_difference_is_red_and_keeps_nothing_back(
    home: EventHome, instance: dg.DagsterInstance
) -> None:
    url = home.settings.stream_state_url
    migrate(url)
    streamed = LiveRun(url, returns(600))
    streamed.stream(*WINDOWS)
    with home.loader().warehouse.session() as session:
        streamed.load(session)
        session.execute(
            "delete from marts.fct_rentals where returned_at_utc >= '2010-09-10 12:00' "
            "and returned_at_utc < '2010-09-10 14:00'"
        )
    result = run(home, instance)
    assert result.success
    checks = {one.check_name: one for one in result.get_asset_check_evaluations()}
    for shape in SHAPES:
        check = checks[f"parity_{shape}"]
        assert not check.passed
        assert not check.blocking
        assert check.severity is dg.AssetCheckSeverity.ERROR
        different = check.metadata["windows_that_differ"].value
        assert (
            0 < int(str(different)) < int(str(check.metadata["windows_compared"].value))
        )
    shown = checks["parity_hopping"].metadata["first_differences"].value
    assert isinstance(shown, list)
    assert len(shown) == 10
    assert set(shown[0]) == {"key", "start_ms", "end_ms", "figure", "live", "mart"}
    told = verdicts(home)
    assert {one.check for one in told if one.is_red} == CHECKS
    assert not any(one.blocks for one in told)
