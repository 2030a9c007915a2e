"""`analytics snapshots`: what was published, and the way back."""

import getpass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from analytics_platform.cli.environment import migrated_control_store, prepare

if TYPE_CHECKING:
    from analytics_platform.adapters.snapshots import SnapshotStore
    from analytics_platform.contracts.records import SnapshotManifest

_VERSION_WIDTH = 32  # whole even in 80 columns: it is there to be copied

app = typer.Typer(help="List published snapshots; roll back.", no_args_is_help=True)


@app.command("list")
def list_snapshots(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """List every published version, the current one marked."""
    snapshots = _open()
    current = snapshots.current()
    version = current.manifest.version if current else None
    manifests = snapshots.list()
    if as_json:
        _print_json(manifests, version)
    elif not manifests:
        print("Nothing is published yet: run `analytics materialize`.")
    else:
        _print_table(manifests, version)


@app.command("rollback")
def rollback(
    version: Annotated[str, typer.Argument(help="A version of `snapshots list`.")],
) -> None:
    """Make an earlier version current; the ledger remembers who did."""
    from analytics_platform.adapters.control_store.ledger import Note

    note = Note(getpass.getuser(), "rollback", {}, datetime.now(UTC))
    release = _open().rollback(version, note)
    print(f"Current is {release.version}; it replaced {release.previous}.")


def _open() -> "SnapshotStore":
    from analytics_platform.adapters.artifacts import ArtifactStore
    from analytics_platform.adapters.control_store.facade import ControlStore
    from analytics_platform.adapters.snapshots import SnapshotStore

    settings = prepare()
    migrated_control_store(settings)
    cache = settings.home / "cache" / "artifacts"
    artifacts = ArtifactStore(settings.artifacts_url, cache=cache)
    store = ControlStore.open(settings.control_store_url)
    return SnapshotStore(artifacts, store, settings.snapshots)


def _print_json(manifests: "list[SnapshotManifest]", current: str | None) -> None:
    import json

    rows = [
        {"current": one.version == current, **one.model_dump(mode="json")}
        for one in manifests
    ]
    print(json.dumps(rows, indent=2))


def _print_table(manifests: "list[SnapshotManifest]", current: str | None) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from analytics_platform.cli.terminal import open_console

    table = Table("", box=SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    table.add_column("version", no_wrap=True, min_width=_VERSION_WIDTH)
    for heading in ("data as of", "status", "rows", "MB"):
        table.add_column(heading, no_wrap=True)
    for one in manifests:
        table.add_row(
            "*" if one.version == current else "",
            one.version,
            f"{one.as_of:%Y-%m-%d %H:%M}",
            one.status,
            f"{sum(part.rows for part in one.tables):,}",
            f"{sum(part.bytes for part in one.tables) / 1e6:.1f}",
        )
    open_console().print(table)
