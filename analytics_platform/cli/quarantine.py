"""`analytics quarantine`: what was not let in and why, and letting it in."""

import json
import uuid
from typing import Annotated

import typer

from analytics_platform.cli.environment import migrated_control_store, prepare

app = typer.Typer(help="See and release quarantined data.", no_args_is_help=True)


@app.command("list")
def list_entries(
    table: Annotated[str | None, typer.Option(help="Only of this table.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List what is in quarantine, oldest first."""
    settings = prepare()
    migrated_control_store(settings)
    from analytics_platform.adapters.control_store.facade import ControlStore

    entries = ControlStore.open(settings.control_store_url).quarantine.open(table)
    if as_json:
        told = [entry.model_dump(mode="json") for entry in entries]
        print(json.dumps(told, indent=2))
        return
    if not entries:
        print("Nothing is in quarantine.")
    for entry in entries:
        place = f"{entry.table} {entry.partition or ''}".strip()
        print(f"{entry.id}  {place}  {entry.rows} rows of {entry.origin}")
        print(f"    {entry.reason}")
        print(f"    kept in {settings.home / entry.location}")


@app.command("release")
def release(
    id: Annotated[str, typer.Argument(help="An id of `quarantine list`.")],
) -> None:
    """Put an entry through the contract and the checks again, and let it in."""
    settings = prepare()
    migrated_control_store(settings)
    from analytics_platform.adapters.clock_state import open_clock
    from analytics_platform.adapters.control_store.facade import ControlStore
    from analytics_platform.adapters.ingestion import Ingestion
    from analytics_platform.adapters.warehouse import open_warehouse
    from analytics_platform.domains.loader import load_domain

    ingestion = Ingestion(
        settings,
        load_domain(settings.domain),
        open_warehouse(settings),
        ControlStore.open(settings.control_store_url),
    )
    at = open_clock(settings).now()
    result = ingestion.release(id, run_id=f"release-{uuid.uuid4()}", at=at)
    rows = sum(result.rows.values())
    print(f"Released {id}: raw.{result.table} holds {rows} rows in its partitions.")
    print(f"Build what reads it: analytics materialize --select 'raw/{result.table}+'")
