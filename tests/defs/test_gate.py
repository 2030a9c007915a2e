"""A step refuses to read what is red, whoever started its run."""

from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.plan.objects import StepFailureData

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.control_store.migrations import migrate
from analytics_platform.defs.runs import range_tags
from tests.support.graphs import KEYS, Knobs, definitions, verdict

MARCH = "2013-03-01"


@pytest.fixture
def knobs(tmp_path: Path) -> Knobs:
    url = f"sqlite:///{tmp_path}/control.sqlite"
    migrate(url)
    return Knobs(ControlStore.open(url))


def run(knobs: Knobs, asset: str) -> dg.ExecuteInProcessResult:
    job = definitions(knobs).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        return job.execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey(asset)],
            tags=range_tags(KEYS[0], KEYS[-1]),
            raise_on_error=False,
        )


def failure(result: dg.ExecuteInProcessResult) -> StepFailureData:
    (event,) = [e for e in result.all_events if e.is_step_failure]
    return event.step_failure_data


def test_a_range_with_a_red_input_is_refused_and_says_why(knobs: Knobs) -> None:
    knobs.store.verdicts.record([verdict("raw", MARCH, "r1", passed=False)])
    told = failure(run(knobs, "mart")).user_failure_data
    assert told is not None
    assert told.metadata["kept_back"].value == {"mart": [MARCH]}
    assert "raw 2013-03-01 (sound)" in (told.description or "")
    assert knobs.built == []


def test_a_whole_reads_every_partition_also_at_a_distance(knobs: Knobs) -> None:
    knobs.store.verdicts.record([verdict("raw", MARCH, "r1", passed=False)])
    told = failure(run(knobs, "model")).user_failure_data
    assert told is not None
    assert told.metadata["kept_back"].value == {"model": [""]}


def test_building_a_red_asset_again_is_the_repair(knobs: Knobs) -> None:
    knobs.store.verdicts.record([verdict("raw", MARCH, "r1", passed=False)])
    assert run(knobs, "raw").success
    assert run(knobs, "mart").success


def test_what_reads_nothing_red_is_built(knobs: Knobs) -> None:
    knobs.store.verdicts.record([verdict("raw", MARCH, "r1", passed=False)])
    assert run(knobs, "aside").success
