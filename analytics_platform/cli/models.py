"""`analytics models`: which versions exist, what was decided, and changes by hand."""

import getpass
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from analytics_platform.cli.environment import migrated_control_store, prepare
from analytics_platform.errors import InvalidUsage, NotFound

if TYPE_CHECKING:
    from analytics_platform.adapters.control_store.ledger import Note
    from analytics_platform.adapters.model_registry import ModelRegistry
    from analytics_platform.contracts.records import LedgerEntry, ModelManifest

app = typer.Typer(
    help="List models; promote or roll back by hand.", no_args_is_help=True
)


@dataclass(frozen=True)
class _Row:
    """A version and what it is at the moment."""

    manifest: "ModelManifest"
    roles: list[str]


_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Name = Annotated[str, typer.Argument(help="A model of `models list`.")]


@app.command("list")
def list_models(*, as_json: _AsJson = False) -> None:
    """List every version; champion and challenger are marked."""
    registry = _open()
    rows = [row for name in registry.names() for row in _versions(registry, name)]
    if as_json:
        print(json.dumps([_plain(row) for row in rows], indent=2))
    elif not rows:
        print("No model was trained yet: run `analytics materialize`.")
    else:
        _print_versions(rows)


@app.command("history")
def history(name: _Name, *, as_json: _AsJson = False) -> None:
    """Print everything the ledger says of a model, oldest first."""
    entries = _open().history(name)
    if not entries:
        raise NotFound(
            f"The ledger knows no model {name!r}.", hint="See `analytics models list`."
        )
    if as_json:
        print(json.dumps([one.model_dump(mode="json") for one in entries], indent=2))
    else:
        _print_history(entries)


@app.command("promote")
def promote(
    name: _Name,
    version: Annotated[str, typer.Argument(help="The version to release.")],
    reason: Annotated[str, typer.Option(help="Why; kept in the ledger.")],
) -> None:
    """Release a version past the gate; the ledger keeps who did and why."""
    if not reason.strip():
        raise InvalidUsage("The reason is empty.", hint="Say why with --reason.")
    release = _open().promote(name, version, _note("promoted by hand", reason))
    print(f"{name}: {release.version} is released; it replaced {release.previous}.")


@app.command("rollback")
def rollback(
    name: _Name,
    reason: Annotated[str, typer.Option(help="Why; kept in the ledger.")] = "",
) -> None:
    """Release the version before the current one again."""
    release = _open().rollback(name, _note("rolled back", reason))
    print(f"{name}: {release.version} is released; it replaced {release.previous}.")


def _open() -> "ModelRegistry":
    from analytics_platform.adapters.artifacts import ArtifactStore
    from analytics_platform.adapters.control_store.facade import ControlStore
    from analytics_platform.adapters.model_registry import ModelRegistry

    settings = prepare()
    migrated_control_store(settings)
    cache = settings.home / "cache" / "artifacts"
    artifacts = ArtifactStore(settings.artifacts_url, cache=cache)
    store = ControlStore.open(settings.control_store_url)
    return ModelRegistry(settings, artifacts, store)


def _note(action: str, reason: str) -> "Note":
    from analytics_platform.adapters.control_store.ledger import Note

    details: dict[str, object] = {"reason": reason}
    return Note(getpass.getuser(), action, details, datetime.now(UTC))


def _versions(registry: "ModelRegistry", name: str) -> "list[_Row]":
    champion, challenger = registry.champion(name), registry.challenger(name)
    return [
        _Row(
            registry.manifest(name, version),
            [
                role
                for role, release in (
                    ("champion", champion),
                    ("challenger", challenger),
                )
                if release and release.version == version
            ],
        )
        for version in registry.versions(name)
    ]


def _plain(row: "_Row") -> dict[str, object]:
    shown = row.manifest.model_dump(mode="json", exclude={"categories", "files"})
    return {"roles": row.roles, **shown}


def _print_versions(rows: "list[_Row]") -> None:
    from rich.table import Table

    from analytics_platform.cli.terminal import open_console

    table = Table("model", "version", "role", "trained through", "rows", "metrics")
    for row in rows:
        one = row.manifest
        metrics = (f"{name} {value:.4g}" for name, value in one.metrics.items())
        table.add_row(
            one.name,
            one.version,
            ", ".join(row.roles),
            f"{one.trained_through:%Y-%m-%d}",
            f"{one.rows:,}",
            ", ".join(metrics),
        )
    open_console().print(table)


def _print_history(entries: "list[LedgerEntry]") -> None:
    for entry in entries:
        version = entry.details.get("version", "")
        print(f"{entry.at:%Y-%m-%d %H:%M}  {entry.action}  {version}  by {entry.actor}")
        reasons = entry.details.get("reasons") or [entry.details.get("reason")]
        for reason in reasons if isinstance(reasons, list) else [reasons]:
            if reason:
                print(f"    {reason}")
