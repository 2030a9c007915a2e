"""Dagster's storage is completed where making it was killed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from analytics_platform.defs.instance import open_instance
from analytics_platform.settings import ROOT

# Opens a new instance and is killed at its nth statement.
KILLED = """
import os, signal, sys
import dagster as dg
from sqlalchemy import Engine, event

left = [int(sys.argv[1])]

def count(_statement):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)

event.listen(Engine, "connect", lambda one, _: one.set_trace_callback(count))
dg.DagsterInstance.get()
"""


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAGSTER_HOME", str(ROOT))
    monkeypatch.setenv("DAGSTER_STORAGE", str(tmp_path))
    monkeypatch.setenv("ANALYTICS_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("storage")
@pytest.mark.parametrize("statement", [50, 140])
def test_a_creation_that_was_killed_is_completed(statement: int) -> None:
    command = [sys.executable, "-c", KILLED, str(statement)]
    killed = subprocess.run(command, env=os.environ, check=False)
    assert killed.returncode < 0

    with open_instance() as instance:
        runs, events = instance.run_storage, instance.event_log_storage
        for store in (runs, events, instance.schedule_storage):
            version = store.alembic_version()  # type: ignore[union-attr]
            assert version
            assert version[0] == version[1]
        assert runs.has_built_index("run_start_end_overwritten")  # type: ignore[attr-defined]
        assert events.has_secondary_index("asset_key_index_columns")  # type: ignore[attr-defined]


def test_an_instance_is_completed_once(storage: Path) -> None:
    with open_instance():
        marked = (storage / "whole").stat().st_mtime_ns
    with open_instance():
        assert (storage / "whole").stat().st_mtime_ns == marked
