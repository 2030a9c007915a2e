"""`analytics lineage` prints what is known, for people and for programs."""

import json

import pytest
import typer
from typer.testing import CliRunner

from analytics_platform.cli import lineage as command
from analytics_platform.core.lineage import Lineage
from analytics_platform.errors import NotFound
from tests.support.lineage_graph import GRAPH

RUNNER = CliRunner()
APP = typer.Typer()
APP.command()(command.lineage)


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    def load() -> Lineage:
        return GRAPH

    monkeypatch.setattr(command, "_load", load)


def run(*arguments: str) -> str:
    result = RUNNER.invoke(APP, [*arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_people_see_edges_coverage_and_what_is_unknown() -> None:
    printed = run()
    assert "raw/t <- source/file" in printed
    assert "raw/t.b -> marts/m.x" in printed
    assert "assets: 6 of 7 covered (85.7%)" in printed
    assert "unknown: marts/m.u" in printed
    assert "features columns: none are known yet" in printed
    assert "no column lineage is known for marts/dark" in printed


def test_programs_get_json() -> None:
    told = json.loads(run("--json"))
    assert ["source/file", "raw/t"] in told["edges"]
    assert told["coverage"]["marts columns"]["share"] == 0.5
    assert told["unparsed"] == ["marts/dark"]


def test_a_columns_inputs_are_listed() -> None:
    assert json.loads(run("--json", "--column", "marts/m.x")) == [
        "raw/t.a",
        "raw/t.b",
        "source/file.a",
    ]


def test_the_impact_of_dropping_a_column_is_listed() -> None:
    assert run("--impact", "raw/t.b").splitlines() == [
        "raw/t.b is read by 2 column(s):",
        "  marts/m.x",
        "  reports/r.s.x",
    ]


def test_no_impact_is_said() -> None:
    assert run("--impact", "marts/m.u") == "marts/m.u is read by 0 column(s).\n"


def test_an_unknown_column_is_an_error() -> None:
    with pytest.raises(NotFound):
        run("--column", "marts/none.x")
