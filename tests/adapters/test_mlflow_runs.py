"""Runs in MLflow that a killed process left open are ended by the next one."""

import subprocess
import sys

from mlflow import MlflowClient

from analytics_platform.adapters.mlflow_runs import owner_tags
from analytics_platform.adapters.mlflow_tracking import MlflowTracking
from analytics_platform.adapters.model_registry import ModelRegistry
from tests.support.model_domain import mlflow_database, registry

__all__ = ["mlflow_database", "registry"]

# Opens a run and is killed before it ends it.
KILLED = """
import os, signal, sys
from pathlib import Path
from analytics_platform.adapters.mlflow_tracking import MlflowTracking
from analytics_platform.settings import Settings
print(MlflowTracking(Settings(home=Path(sys.argv[1]))).start("delay", "r0"), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def status(tracking: MlflowTracking, run_id: str) -> str:
    return str(tracking._client().get_run(run_id).info.status)


def test_a_run_whose_process_was_killed_is_ended_by_the_next_training(
    registry: ModelRegistry,
) -> None:
    tracking = registry.tracking
    home = str(registry.settings.home)
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, home],
        capture_output=True,
        text=True,
        check=False,
    )
    left = ended.stdout.strip()
    assert status(tracking, left) == "RUNNING", ended.stderr
    fresh = tracking.start("delay", "r1")
    assert status(tracking, left) == "KILLED"
    assert status(tracking, fresh) == "RUNNING"


def test_a_run_of_a_process_that_lives_goes_on(registry: ModelRegistry) -> None:
    tracking = registry.tracking
    first = tracking.start("delay", "r1")
    second = tracking.start("delay", "r2")
    assert {status(tracking, one) for one in (first, second)} == {"RUNNING"}
    tracking.fail(first)
    tracking.start("delay", "r3")
    assert status(tracking, first) == "FAILED"


def test_a_run_of_another_machine_or_of_nobody_is_left_alone(
    registry: ModelRegistry,
) -> None:
    tracking = registry.tracking
    client: MlflowClient = tracking._client()
    tracking.start("delay", "r1")
    found = client.get_experiment_by_name("delay")
    assert found
    elsewhere = {**owner_tags(), "owner_host": "elsewhere", "owner_pid": "1"}
    others = [
        client.create_run(found.experiment_id, tags=tags).info.run_id
        for tags in (elsewhere, {})
    ]
    tracking.start("delay", "r2")
    assert [status(tracking, one) for one in others] == ["RUNNING", "RUNNING"]
