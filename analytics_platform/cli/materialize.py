"""`analytics materialize`: builds assets over partitions and says how it went."""

from typing import Annotated

import typer

from analytics_platform.cli.environment import migrated_control_store, prepare
from analytics_platform.cli.interruption import end_in_order_when_terminated
from analytics_platform.cli.preparation import prepared_ahead


def materialize(
    first: Annotated[
        str | None, typer.Option("--from", help="First partition, as 2013-01.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", help="Last partition, as 2013-12.")
    ] = None,
    select: Annotated[
        str, typer.Option(help="Dagster asset selection, such as 'group:marts'.")
    ] = "*",
    missing: Annotated[
        bool, typer.Option("--missing", help="Only what was never built.")
    ] = False,
) -> None:
    """Build the selected assets over a range of partitions, then print a summary."""
    end_in_order_when_terminated()
    settings = prepare()
    with prepared_ahead(settings):
        migrated_control_store(settings)
        from analytics_platform.cli.materialization import Request, carry_out

        carry_out(settings, Request(first, last, select, missing=missing))
