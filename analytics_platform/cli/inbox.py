"""`analytics inbox`: what became of the files that were dropped."""

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from analytics_platform.cli.environment import migrated_control_store, prepare

app = typer.Typer(help="See what became of dropped files.", no_args_is_help=True)


@app.callback()
def _inbox() -> None:
    """See what became of dropped files."""


@app.command("status")
def status(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """List each file of the inbox: loaded, skipped, in quarantine, or still waiting."""
    rows = _rows()
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    if not rows:
        print("The inbox is empty, and nothing was ever loaded from it.")
    for row in rows:
        reason = f"  {row['reason']}" if row["reason"] else ""
        print(f"{row['status']:<12} {row['path']}  {row['rows']} rows{reason}")


def _rows() -> list[dict[str, str | int]]:
    settings = prepare()
    migrated_control_store(settings)
    from analytics_platform.adapters.control_store.facade import ControlStore
    from analytics_platform.adapters.sources.inbox import InboxFolder
    from analytics_platform.contracts.domain import FileInbox
    from analytics_platform.domains.loader import load_domain

    store = ControlStore.open(settings.control_store_url)
    rows: list[dict[str, str | int]] = [
        {
            "path": file.path,
            "table": file.table,
            "status": file.status.value,
            "rows": file.rows,
            "reason": file.reason,
            "handled_at": file.handled_at.isoformat(),
        }
        for file in store.inbox.all()
    ]
    now = datetime.now(UTC)
    for spec in load_domain(settings.domain).tables:
        if isinstance(spec.source, FileInbox):
            folder = InboxFolder(spec.source, settings.inbox_path, spec.name, store)
            rows += [_new(f.path, spec.name, "ready") for f in folder.pending(now)]
            rows += [_new(p, spec.name, "waiting") for p in folder.waiting(now)]
    return rows


def _new(path: str, table: str, status: str) -> dict[str, str | int]:
    reason = "" if status == "ready" else "not known to be whole yet"
    return {
        "path": path,
        "table": table,
        "status": status,
        "rows": 0,
        "reason": reason,
        "handled_at": "",
    }
