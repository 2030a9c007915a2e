"""`analytics snapshots`."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from analytics_platform.adapters.snapshots import SnapshotStore
from analytics_platform.cli import snapshots as commands
from analytics_platform.cli.snapshots import app
from analytics_platform.errors import NotFound
from analytics_platform.settings import Settings
from tests.support.publisher import (
    fill,
    open_snapshots,
    open_warehouse,
    publication,
)

RUNNER = CliRunner()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home that commands use."""
    settings = Settings(home=tmp_path)
    monkeypatch.setattr(commands, "prepare", lambda: settings)
    return tmp_path


def publish(home: Path, count: int) -> tuple[SnapshotStore, list[str]]:
    fill(home)
    snapshots, warehouse = open_snapshots(home), open_warehouse(home)
    made = [
        snapshots.publish(publication(home), warehouse, at=datetime.now(UTC))
        for _ in range(count)
    ]
    return snapshots, [manifest.version for manifest in made]


def test_an_empty_home_says_how_to_publish(home: Path) -> None:
    result = RUNNER.invoke(app, ["list"])
    assert result.exit_code == 0
    assert "analytics materialize" in result.output
    assert (home / "control.sqlite").is_file()


def test_every_version_is_listed_and_the_current_one_marked(home: Path) -> None:
    _, (first, second) = publish(home, 2)
    lines = RUNNER.invoke(app, ["list"], env={"COLUMNS": "80"}).output.splitlines()
    assert "*" not in next(line for line in lines if first in line)
    assert "*" in next(line for line in lines if second in line)


def test_the_list_is_given_as_json(home: Path) -> None:
    _, (first, second) = publish(home, 2)
    told = json.loads(RUNNER.invoke(app, ["list", "--json"]).output)
    assert [(one["version"], one["current"]) for one in told] == [
        (first, False),
        (second, True),
    ]
    assert told[0]["tables"][0]["rows"] == 1000


def test_a_rollback_makes_the_version_current(home: Path) -> None:
    snapshots, (first, second) = publish(home, 2)
    result = RUNNER.invoke(app, ["rollback", first])
    assert result.output == f"Current is {first}; it replaced {second}.\n"
    found = snapshots.current()
    assert found is not None
    assert found.manifest.version == first
    assert snapshots.store.ledger.entries()[-1].action == "rollback"


def test_a_rollback_to_an_unknown_version_fails_clearly(home: Path) -> None:
    publish(home, 1)
    result = RUNNER.invoke(app, ["rollback", "nope"])
    assert isinstance(result.exception, NotFound)
