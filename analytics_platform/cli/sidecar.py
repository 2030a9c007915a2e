"""`analytics sidecar`: live windows and predictions, pushed to subscribers."""

from typing import Annotated

import typer

from analytics_platform.cli.environment import (
    migrated_control_store,
    migrated_stream_state,
    prepare,
)


def sidecar(
    *,
    join: Annotated[
        bool,
        typer.Option(
            "--join", help="Wait for the home's broker instead of starting one."
        ),
    ] = False,
) -> None:
    """Run one sidecar until Ctrl-C; several of one group share the partitions."""
    settings = prepare()
    if join:
        from analytics_platform.adapters.brokers import await_broker

        await_broker(settings)
    migrated_control_store(settings)
    migrated_stream_state(settings)
    from analytics_platform.domains.loader import load_domain
    from streaming.sidecar import run_sidecar

    run_sidecar(settings, load_domain(settings.domain))
