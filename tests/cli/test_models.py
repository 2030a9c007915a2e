"""`analytics models`: what it prints, and what it leaves in the ledger."""

import getpass
import json
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from analytics_platform.adapters.control_store.ledger import Note
from analytics_platform.adapters.model_registry import ModelRegistry
from analytics_platform.adapters.training_run import Occasion, train_candidate
from analytics_platform.cli import models
from analytics_platform.errors import InvalidUsage, NotFound
from tests.support.model_domain import (
    DELAY,
    DOMAIN,
    mlflow_database,
    registry,
    training_set,
)

__all__ = ["mlflow_database", "registry"]

NOW = datetime(2020, 4, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def opened(registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "_open", lambda: registry)
    monkeypatch.setenv("COLUMNS", "200")


def train(registry: ModelRegistry, days: int) -> str:
    data = training_set(days)
    occasion = Occasion("r1", NOW)
    return train_candidate(registry, DOMAIN, DELAY, data, occasion).manifest.version


def run(*arguments: str) -> str:
    result = CliRunner().invoke(models.app, list(arguments))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_an_empty_registry_says_what_to_do() -> None:
    assert "run `analytics materialize`" in run("list")
    assert json.loads(run("list", "--json")) == []


def test_versions_are_listed_with_their_roles(registry: ModelRegistry) -> None:
    first, second = train(registry, 85), train(registry, 90)
    registry.promote("delay", first, Note("ann", "promoted by hand", {}, NOW))
    rows = json.loads(run("list", "--json"))
    assert [(row["version"], row["roles"]) for row in rows] == [
        (first, ["champion"]),
        (second, ["challenger"]),
    ]
    assert rows[0]["metrics"]["rmse"] > 0
    table = run("list")
    assert first in table
    assert "challenger" in table


def test_a_promotion_by_hand_is_in_the_ledger_with_name_and_reason(
    registry: ModelRegistry,
) -> None:
    first, second = train(registry, 85), train(registry, 90)
    assert f"{first} is released" in run("promote", "delay", first, "--reason", "pilot")
    run("promote", "delay", second, "--reason", "better on Mondays")
    assert f"{first} is released" in run("rollback", "delay", "--reason", "worse")
    entries = json.loads(run("history", "delay", "--json"))
    mine = [one for one in entries if one["actor"] == getpass.getuser()]
    assert [(one["action"], one["details"]["reason"]) for one in mine] == [
        ("promoted by hand", "pilot"),
        ("promoted by hand", "better on Mondays"),
        ("rolled back", "worse"),
    ]
    assert mine[-1]["details"]["version"] == first
    printed = run("history", "delay")
    assert "better on Mondays" in printed
    assert f"rolled back  {first}" in printed


def test_a_promotion_without_a_reason_is_refused(registry: ModelRegistry) -> None:
    version = train(registry, 90)
    result = CliRunner().invoke(models.app, ["promote", "delay", version])
    assert result.exit_code == 2
    with pytest.raises(InvalidUsage, match="reason is empty"):
        run("promote", "delay", version, "--reason", " ")
    assert registry.champion("delay") is None


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(NotFound, match="knows no model 'x'"):
        run("history", "x")
    with pytest.raises(NotFound, match="no version '1' of model 'x'"):
        run("promote", "x", "1", "--reason", "why not")
