"""The raw table of a stream and its parity checks in Dagster."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from analytics_platform.adapters.control_store.migrations import migrate
from analytics_platform.adapters.event_loading import EventLoad, EventLoader
from analytics_platform.adapters.warehouse import Warehouse
from analytics_platform.clock import FixedClock
from analytics_platform.contracts.records import Verdict
from analytics_platform.defs import automation, events, parity
from analytics_platform.settings import Settings
from tests.domains.toy import DOMAIN
from tests.support.live_runs import (
    SHAPES,
    STREAM,
    LiveRun,
    live_window,
    returns,
    semantics,
)
from tests.support.load_events import NOW, EventHome

WINDOWS = tuple(live_window(shape) for shape in SHAPES)
TOY = DOMAIN.model_copy(update={"streams": (STREAM,), "live_windows": WINDOWS})
RIDES = dg.AssetKey(["raw", "rides"])
MART = dg.AssetKey(["marts", "fct_rentals"])
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


def definitions(
    home: EventHome, metrics: dict[str, Any] | None = None
) -> dg.Definitions:
    manifest = home.home / "semantic_manifest.json"
    manifest.write_text(json.dumps(metrics or semantics()))
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
        dg.Definitions(resources=resources, assets=[dg.AssetSpec(MART)]),
    )


def run(
    home: EventHome,
    instance: dg.DagsterInstance,
    metrics: dict[str, Any] | None = None,
) -> dg.ExecuteInProcessResult:
    job = definitions(home, metrics).resolve_implicit_global_asset_job_def()
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


def test_checks_come_after_the_events_and_the_mart(home: EventHome) -> None:
    graph = definitions(home).resolve_asset_graph()
    for name in CHECKS:
        node = graph.get(dg.AssetCheckKey(RIDES, name))
        assert set(node.parent_entity_keys) == {RIDES, MART}


@pytest.mark.filterwarnings("ignore:Class .AutomationConditionSensorDefinition. is")
def test_the_daily_increment_loads_events_and_checks_them(home: EventHome) -> None:
    every = dg.Definitions.merge(definitions(home), automation.build(TOY))
    job = every.resolve_job_def(automation.INCREMENT_JOB)
    assert RIDES in job.asset_layer.executable_asset_keys
    assert {key.name for key in job.asset_layer.asset_graph.asset_check_keys} == CHECKS


def test_how_many_offsets_were_lost_is_told(
    home: EventHome, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EventLoader, "load", lambda _: EventLoad(rows=1, lost=7))
    monkeypatch.setattr(EventLoader, "count", lambda _: 1)
    (event,) = run(home, instance).asset_materializations_for_node("raw__rides")
    assert event.metadata["lost_offsets"].value == 7


@pytest.mark.parametrize("estimate", ["p90", "kinds_of_length"])
def test_a_formula_over_an_estimate_is_named_as_not_compared(
    home: EventHome, instance: dg.DagsterInstance, estimate: str
) -> None:
    metrics = semantics(("numerator: overdue_rentals", f"numerator: {estimate}"))
    url = home.settings.stream_state_url
    migrate(url)
    streamed = LiveRun(url, returns(300), metrics)
    streamed.stream(*WINDOWS)
    with home.loader().warehouse.session() as session:
        streamed.load(session)
    for check in run(home, instance, metrics).get_asset_check_evaluations():
        assert check.passed
        named = check.metadata["without_a_stated_bound"].value
        assert named == ["overdue_share"]


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
