"""MLflow's embedded store is there whole or not at all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from analytics_platform.adapters import mlflow_store
from analytics_platform.adapters.mlflow_store import create_store
from analytics_platform.adapters.mlflow_tracking import MlflowTracking
from analytics_platform.settings import Settings
from tests.support.commands import ROOT, wait_for

CREATE = (
    "import sys; from pathlib import Path;"
    "from analytics_platform.settings import Settings;"
    "from analytics_platform.adapters.mlflow_tracking import MlflowTracking;"
    "MlflowTracking(Settings(home=Path(sys.argv[1]))).create()"
)
SECONDS = 300.0  # on a machine with much other work


def test_a_creation_that_was_killed_is_begun_anew(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    folder = settings.mlflow_path.parent
    with subprocess.Popen(
        [sys.executable, "-c", CREATE, str(tmp_path)], cwd=ROOT, env=os.environ
    ) as creating:
        wait_for(lambda: any(_tables_begun(folder)), SECONDS)
        creating.kill()
    assert not settings.mlflow_path.exists()

    run_id = MlflowTracking(settings).start("delay", "dagster-run")

    assert settings.mlflow_path.exists()
    assert not any(_tables_begun(folder))
    assert run_id in MlflowTracking(settings).run_url(run_id)


def test_a_store_that_is_there_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlflow_store, "_make_tables", _unwanted)
    settings = Settings(home=tmp_path)
    settings.mlflow_path.parent.mkdir()
    settings.mlflow_path.write_bytes(b"tables")
    create_store(settings)
    assert settings.mlflow_path.read_bytes() == b"tables"


def test_a_store_elsewhere_is_left_to_mlflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlflow_store, "_make_tables", _unwanted)
    url = SecretStr("http://127.0.0.1:1")
    create_store(Settings(home=tmp_path, mlflow_url=url))
    assert not any(tmp_path.iterdir())


def _tables_begun(folder: Path) -> list[Path]:
    return [one for one in folder.glob(".*.partial") if one.stat().st_size]


def _unwanted(*_: object) -> None:
    raise AssertionError("nothing is to be made")
