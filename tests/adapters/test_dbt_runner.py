"""dbt in this process: what becomes of an interruption, and of one in a compilation."""

from pathlib import Path

import pytest
from dbt.cli.main import dbtRunner, dbtRunnerResult

from analytics_platform.adapters.dbt_project import DbtProject
from analytics_platform.adapters.dbt_runner import DbtRunner
from analytics_platform.adapters.warehouse import open_warehouse
from analytics_platform.errors import InvalidUsage
from analytics_platform.settings import ROOT, Settings


@pytest.fixture
def runner(tmp_path: Path) -> DbtRunner:
    return DbtRunner(ROOT / "dbt_project", tmp_path / "target", tmp_path / "logs")


def ends_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Have every invocation of dbt give this error, as dbt gives all errors."""
    result = dbtRunnerResult(success=False, exception=error)
    monkeypatch.setattr(dbtRunner, "invoke", lambda *_, **__: result)


def test_an_interruption_is_no_error_of_the_project(
    runner: DbtRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends_with(monkeypatch, ValueError("no such macro"))
    with pytest.raises(InvalidUsage, match="no such macro"):
        runner.compile({})
    ends_with(monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        runner.compile({})


def test_what_an_interrupted_compilation_left_counts_for_no_state_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path)
    project = DbtProject(settings, open_warehouse(settings))
    project.target.mkdir(parents=True)
    (project.target / "manifest.json").write_text("{}")
    digest = project.target / "project.sha256"
    digest.write_text("of an earlier state")
    ends_with(monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        project.manifest()
    assert not digest.exists()
