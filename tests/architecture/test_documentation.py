"""What exists is documented, and what is documented exists."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import yaml

from analytics_platform.cli import commands as cli
from analytics_platform.settings import known_names
from docs import reference
from tests.support.repository import ROOT, files, files_ending, is_below, text

DECISIONS = [path for path in files_ending(".md") if is_below(path, ("docs/adr",))]
MODEL_FILES = [
    path
    for path in files_ending(".yml")
    if is_below(path, ("dbt_project/models", "dbt_project/snapshots"))
]


def test_every_setting_is_documented() -> None:
    page = (ROOT / "docs/settings.md").read_text()
    assert [name for name in known_names() if f"`{name}`" not in page] == []
    assert page == reference.settings()


def test_every_metric_is_documented() -> None:
    page = (ROOT / "docs/metrics.md").read_text()
    assert len(reference.declared_metrics()) >= 10
    assert page == reference.metrics()


def test_every_asset_is_documented() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "docs.reference", "--check"],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    )
    assert checked.returncode == 0, checked.stderr


def test_every_model_opens_with_its_grain_and_documents_its_columns() -> None:
    problems = []
    for path in MODEL_FILES:
        declared = yaml.safe_load(text(path)) or {}
        for model in [*declared.get("models", []), *declared.get("snapshots", [])]:
            if not str(model.get("description", "")).startswith("One row per "):
                problems.append(f"{model['name']} does not open with its grain")
            problems += [
                f"{model['name']}.{column['name']} is not described"
                for column in model.get("columns", [])
                if not column.get("description")
            ]
    assert problems == []


def test_every_model_is_declared() -> None:
    declared = {
        model["name"]
        for path in MODEL_FILES
        for model in (yaml.safe_load(text(path)) or {}).get("models", [])
    }
    written = {
        path.stem
        for path in files_ending(".sql")
        if is_below(path, ("dbt_project/models",))
    }
    assert written - declared == set()


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_is_short_and_names_what_enforces_it(path: Path) -> None:
    decision = text(path)
    assert len(decision.splitlines()) < 60
    enforced = decision.split("## Enforced by\n")[1]
    named = re.findall(r"`([\w./-]+/[\w./-]+|pyproject\.toml|Makefile)`", enforced)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_decisions_are_numbered_without_gaps() -> None:
    numbers = sorted(int(path.name[:4]) for path in DECISIONS)
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("path", files_ending(".md"), ids=str)
def test_links_lead_to_files_that_exist(path: Path) -> None:
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text(path))
    assert [link for link in links if not (ROOT / path.parent / link).exists()] == []


def test_the_readme_lists_the_commands_that_there_are() -> None:
    app = typer.main.get_command(cli.app)
    assert isinstance(app, typer.core.TyperGroup)
    listed = set(re.findall(r"`analytics ([a-z]+)", text(Path("README.md"))))
    assert listed == set(app.commands) - {"down"}


def test_the_subcommands_that_the_readme_lists_exist() -> None:
    app = typer.main.get_command(cli.app)
    assert isinstance(app, typer.core.TyperGroup)
    rows = re.findall(r"^\| `analytics (.*?) \|", text(Path("README.md")), re.MULTILINE)
    for row in rows:
        group = app.commands[re.findall("[a-z]+", row)[0]]
        if isinstance(group, typer.core.TyperGroup):
            words = re.findall(r"(?:`|^[a-z]+ )([a-z]+)", row)
            assert set(words) <= set(group.commands), row


def test_every_variable_in_deployment_is_a_setting() -> None:
    used = {
        name
        for path in files()
        if is_below(path, ("deployment", "Makefile", "docs", "README.md"))
        for name in re.findall(r"\bANALYTICS_[A-Z_]+[A-Z]\b", text(path))
    }
    assert used - set(known_names()) == set()
