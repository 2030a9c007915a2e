"""`analytics status`: per asset what was built when, how fresh and how good it is."""

import json
from typing import Annotated

import typer

from analytics_platform.cli.environment import migrated_control_store, prepare


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show every asset's last materialization, partitions, checks and freshness."""
    settings = prepare()
    migrated_control_store(settings)
    from rich.console import Console

    from analytics_platform.cli.asset_status import asset_statuses, status_table

    statuses = asset_statuses(settings)
    if as_json:
        print(json.dumps([one.model_dump(mode="json") for one in statuses], indent=2))
        return
    Console().print(status_table(statuses))
