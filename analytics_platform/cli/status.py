"""`analytics status`: per asset what was built when, how fresh and how good it is."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from analytics_platform.cli.environment import migrated_control_store, prepare
from analytics_platform.cli.terminal import open_console

if TYPE_CHECKING:
    from analytics_platform.defs.asset_status import AssetStatus

_COLOURS = {"green": "green", "warning": "yellow", "red": "red", "stale": "red"}


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show every asset's last materialization, partitions, checks and freshness."""
    settings = prepare()
    migrated_control_store(settings)
    from analytics_platform.definitions import build_definitions
    from analytics_platform.defs.asset_status import asset_statuses
    from analytics_platform.resources import open_resources

    resources = open_resources(settings)
    statuses = asset_statuses(build_definitions(resources), resources)
    if as_json:
        print(json.dumps([one.model_dump(mode="json") for one in statuses], indent=2))
        return
    open_console().print(_table(statuses))


def _table(statuses: "Sequence[AssetStatus]") -> Table:
    """The statuses as a person reads them."""
    table = Table()
    for column in ("asset", "built (UTC)", "partitions", "checks", "freshness"):
        table.add_column(column)
    for one in statuses:
        parts = "" if one.partitions is None else f"{one.partitions}"
        if one.partitions_begun is not None:
            parts += f" of {one.partitions_begun}"
        failed = f" ({len(one.failed_checks)})" if one.failed_checks else ""
        table.add_row(
            one.asset,
            f"{one.materialized_at:%Y-%m-%d %H:%M:%S}" if one.materialized_at else "",
            parts,
            _coloured(one.checks, failed),
            _coloured(one.freshness),
        )
    return table


def _coloured(word: str, more: str = "") -> str:
    colour = _COLOURS.get(word)
    return f"[{colour}]{word}{more}[/]" if colour else f"{word}{more}"
