"""`analytics keys`: makes, lists and revokes the keys of people and programs."""

import getpass
import json
import secrets
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from analytics_platform.cli.environment import migrated_control_store, prepare
from analytics_platform.core.access import ApiKey, KeyRequest, issue_key, parse_roles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analytics_platform.adapters.control_store.facade import ControlStore

app = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)

_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("create")
def create(
    owner: Annotated[str, typer.Argument(help="Who will use it: a person, a program.")],
    role: Annotated[
        list[str] | None,
        typer.Option(help="viewer, analyst, operator or admin; may be repeated."),
    ] = None,
    channel: Annotated[
        list[str] | None,
        typer.Option(help="Only channels like this, such as 'windows.*'."),
    ] = None,
    days: Annotated[
        int, typer.Option(help="Ends after so many days; 0: only when revoked.")
    ] = 90,
    as_json: _AsJson = False,
) -> None:
    """Make a key and print it, this once: only a digest is kept."""
    request = KeyRequest(
        owner=owner,
        roles=parse_roles(role or ["viewer"]),
        lifetime=timedelta(days=days) if days else None,
        channels=tuple(channel or ["*"]),
    )
    now = datetime.now(UTC)
    text, key = issue_key(request, now=now, random=secrets.token_hex)
    with _store() as store:
        store.keys.add(key)
        _note(store, key, "key created")
    print(json.dumps({"key": text, **_plain(key, now)}, indent=2) if as_json else text)


@app.command("list")
def list_keys(as_json: _AsJson = False) -> None:
    """List every key ever made, with its state and its last use."""
    now = datetime.now(UTC)
    with _store() as store:
        keys = store.keys.all()
    if as_json:
        print(json.dumps([_plain(key, now) for key in keys], indent=2))
    elif not keys:
        print("There is no key yet: run `analytics keys create NAME`.")
    else:
        for key in keys:
            _print(key, now)


@app.command("revoke")
def revoke(id: Annotated[str, typer.Argument(help="An id of `keys list`.")]) -> None:
    """End a key at once; connections that it opened are closed within seconds."""
    with _store() as store:
        key = store.keys.revoke(id, datetime.now(UTC))
        _note(store, key, "key revoked")
    print(f"The key {key.id} of {key.owner} opens nothing any more.")


@contextmanager
def _store() -> "Iterator[ControlStore]":
    settings = prepare()
    migrated_control_store(settings)
    from analytics_platform.adapters.control_store.facade import ControlStore

    store = ControlStore.open(settings.control_store_url)
    try:
        yield store
    finally:
        store.close()


def _note(store: "ControlStore", key: ApiKey, action: str) -> None:
    from analytics_platform.adapters.control_store.ledger import Note

    details: dict[str, object] = {
        "owner": key.owner,
        "roles": [role.value for role in key.roles],
        "channels": list(key.channels),
    }
    note = Note(getpass.getuser(), action, details, datetime.now(UTC))
    store.ledger.append(f"key/{key.id}", note)


def _print(key: ApiKey, now: datetime) -> None:
    print(
        f"{key.id}  {key.state(now):<8} {key.owner}  {', '.join(key.roles)}"
        f"  channels {', '.join(key.channels)}"
        f"  expires {_text(key.expires_at) or 'never'}"
        f"  used {_text(key.last_used_at) or 'never'}"
    )


def _plain(key: ApiKey, now: datetime) -> dict[str, "str | list[str] | None"]:
    return {
        "id": key.id,
        "owner": key.owner,
        "state": key.state(now),
        "roles": [role.value for role in key.roles],
        "channels": list(key.channels),
        "created_at": _text(key.created_at),
        "expires_at": _text(key.expires_at),
        "last_used_at": _text(key.last_used_at),
        "revoked_at": _text(key.revoked_at),
    }


def _text(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None
