"""What a first command has made ahead, and that nothing of it outlives the command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from analytics_platform.cli import preparation
from analytics_platform.settings import ROOT, load_settings
from tests.support.commands import alive, family_of, kill_family, wait_for
from tests.support.platform_home import PlatformHome

_WAITING = (
    "import time\n"
    "from analytics_platform.cli.environment import prepare\n"
    "from analytics_platform.cli.preparation import prepared_ahead\n"
    "with prepared_ahead(prepare()):\n"
    "    time.sleep(600)\n"
)
_SECONDS = 300.0  # on a machine with much other work


@pytest.fixture
def home(tmp_path: Path) -> PlatformHome:
    variables = {
        "ANALYTICS_DOMAIN": "tests.domains.toy",
        "ANALYTICS_DBT_PROJECT": str(ROOT / "tests/domains/toy/dbt_project"),
    }
    return PlatformHome(tmp_path / "var", variables)


def test_a_home_that_was_used_before_starts_no_process(
    home: PlatformHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home.folder / "dbt").mkdir(parents=True)
    started: list[object] = []
    monkeypatch.setattr(subprocess, "Popen", started.append)
    with home.entered(), preparation.prepared_ahead(load_settings(env_file=None)):
        pass
    assert started == []


def test_a_new_home_is_prepared_and_a_killed_command_leaves_no_process(
    home: PlatformHome,
) -> None:
    with home.entered():
        command = subprocess.Popen(
            [sys.executable, "-c", _WAITING], cwd=ROOT, env=os.environ
        )
    try:
        family = wait_for(
            lambda: found if len(found := family_of(command.pid)) > 1 else None,
            _SECONDS,
        )
        assert family
        wait_for((home.folder / "mlflow" / "mlflow.sqlite").exists, _SECONDS)
        assert (home.folder / "dbt/duckdb/target/project.sha256").exists()

        command.kill()
        command.wait(10)
        wait_for(lambda: not alive(family), 30.0)
    finally:
        kill_family(command.pid)
