"""`analytics quarantine`: what was not let in and why, letting it in or not at all."""

import getpass
import json
import uuid
from datetime import UTC, datetime
from typing import Annotated

import typer

from analytics_platform.cli.environment import migrated_control_store, prepare
from analytics_platform.errors import InvalidUsage

app = typer.Typer(
    help="See, release and discard quarantined data.", no_args_is_help=True
)


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
    from analytics_platform.defs.instance import open_instance
    from analytics_platform.defs.released_rows import report_released
    from analytics_platform.domains.loader import load_domain

    domain = load_domain(settings.domain)
    store = ControlStore.open(settings.control_store_url)
    ingestion = Ingestion(settings, domain, open_warehouse(settings), store)
    at, run_id = open_clock(settings).now(), f"release-{uuid.uuid4()}"
    with open_instance() as instance:
        result = ingestion.release(id, run_id=run_id, at=at)
        (spec,) = [one for one in domain.tables if one.name == result.table]
        report_released(instance, store, spec, result, run_id=run_id)
    rows = sum(result.rows.values())
    print(f"Released {id}: raw.{result.table} holds {rows} rows in its partitions.")
    print(f"Build what reads it: analytics materialize --select 'raw/{result.table}+'")


@app.command("discard")
def discard(
    id: Annotated[str, typer.Argument(help="An id of `quarantine list`.")],
    because: Annotated[str, typer.Option(help="Why; kept in the ledger.")],
) -> None:
    """Close an entry without letting it in; the ledger keeps who did and why."""
    if not because.strip():
        raise InvalidUsage("The reason is empty.", hint="Say why with --because.")
    settings = prepare()
    migrated_control_store(settings)
    from analytics_platform.adapters.control_store.facade import ControlStore
    from analytics_platform.adapters.control_store.ledger import Note

    details: dict[str, object] = {"because": because}
    note = Note(getpass.getuser(), "discarded", details, datetime.now(UTC))
    store = ControlStore.open(settings.control_store_url)
    entry = store.quarantine.discard(id, note)
    print(f"Discarded {id}: {entry.rows} rows of {entry.origin}, for {entry.table}.")
    print(f"They stay in {settings.home / entry.location}, of no effect.")
