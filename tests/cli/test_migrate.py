"""`analytics migrate`."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from analytics_platform.adapters.control_store import migrations
from analytics_platform.cli.migrate import app

RUNNER = CliRunner()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home that commands use."""
    monkeypatch.setenv("ANALYTICS_HOME", str(tmp_path))
    return tmp_path


def test_the_tables_go_up_and_down() -> None:
    up = RUNNER.invoke(app, ["upgrade"])
    assert up.output == (
        f"The control store is at revision {migrations.head()}.\n"
        f"The stream's state is at revision {migrations.head()}.\n"
    )
    down = RUNNER.invoke(app, ["downgrade", "base"])
    assert down.output == (
        "The control store is at revision base.\n"
        "The stream's state is at revision base.\n"
    )


def test_a_database_that_is_both_is_moved_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = f"sqlite:///{tmp_path / 'one.sqlite'}"
    monkeypatch.setenv("ANALYTICS_CONTROL_STORE", one)
    monkeypatch.setenv("ANALYTICS_STREAMING__STATE", one)
    RUNNER.invoke(app, ["upgrade"])
    down = RUNNER.invoke(app, ["downgrade"])
    assert down.output.count("revision") == 1


def test_a_new_migration_is_written_beside_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "migrations"
    shutil.copytree(migrations.MIGRATIONS, copy)
    monkeypatch.setattr(migrations, "MIGRATIONS", copy)
    made = RUNNER.invoke(app, ["create", "add a table"])
    assert made.exit_code == 0, made.output
    assert "_add_a_table.py" in made.output
    assert len(list((copy / "versions").glob("r*_add_a_table.py"))) == 1
