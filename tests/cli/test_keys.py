"""`analytics keys`."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.cli import keys as commands
from analytics_platform.clock import WallClock
from analytics_platform.core.access import Role, authenticate, key_id
from analytics_platform.errors import InvalidUsage, NotFound
from analytics_platform.settings import Settings

RUNNER = CliRunner()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ControlStore:
    """The control store of an empty home that commands use."""
    settings = Settings(home=tmp_path)
    monkeypatch.setattr(commands, "prepare", lambda: settings)
    return ControlStore.open(settings.control_store_url)


def run(*arguments: str) -> Result:
    return RUNNER.invoke(commands.app, arguments)


def test_a_new_key_is_printed_once_and_opens(store: ControlStore) -> None:
    text = run("create", "ada", "--role", "analyst", "--channel", "w.*").stdout.strip()
    key = store.keys.find(key_id(text))
    assert key is not None
    assert (key.owner, key.roles, key.channels) == ("ada", (Role.ANALYST,), ("w.*",))
    assert authenticate(text, key, now=WallClock().now()).name == "ada"
    listed = run("list").stdout
    assert key.id in listed
    assert text.split("_")[2] not in listed
    assert "active" in listed


@pytest.mark.usefixtures("store")
def test_a_key_may_last_until_it_is_revoked() -> None:
    made = json.loads(run("create", "ada", "--days", "0", "--json").stdout)
    assert made["expires_at"] is None
    assert run("revoke", made["id"]).exit_code == 0
    (listed,) = json.loads(run("list", "--json").stdout)
    assert listed["state"] == "revoked"


@pytest.mark.usefixtures("store")
def test_a_key_lasts_for_ninety_days_unless_told_otherwise() -> None:
    made = json.loads(run("create", "ada", "--json").stdout)
    created, expires = (
        datetime.fromisoformat(made[name]) for name in ("created_at", "expires_at")
    )
    assert expires - created == timedelta(days=90)


def test_the_ledger_says_who_made_and_revoked_a_key(store: ControlStore) -> None:
    made = json.loads(run("create", "ada", "--json").stdout)
    run("revoke", made["id"])
    entries = store.ledger.entries(f"key/{made['id']}")
    assert [entry.action for entry in entries] == ["key created", "key revoked"]
    assert made["key"].split("_")[2] not in repr(entries)


def test_what_makes_no_sense_is_refused(store: ControlStore) -> None:
    assert isinstance(run("create", " ").exception, InvalidUsage)
    assert isinstance(run("create", "ada", "--role", "king").exception, InvalidUsage)
    assert isinstance(run("create", "ada", "--days", "-1").exception, InvalidUsage)
    assert isinstance(run("revoke", "0").exception, NotFound)
    assert store.keys.all() == []


@pytest.mark.usefixtures("store")
def test_an_empty_store_says_how_to_make_a_key() -> None:
    assert "analytics keys create" in run("list").stdout
