"""All subcommands of `analytics`, by their names."""

import typer

from analytics_platform.cli import (
    broker,
    clock,
    dlq,
    doctor,
    inbox,
    keys,
    lineage,
    materialize,
    migrate,
    models,
    quarantine,
    replay,
    reset,
    sidecar,
    simulate,
    snapshots,
    status,
    up,
)

app = typer.Typer(
    name="analytics",
    help="Run and inspect the analytics platform.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("up")(up.up)
app.command("down")(up.down)
app.command("materialize")(materialize.materialize)
app.command("status")(status.status)
app.command("doctor")(doctor.doctor)
app.command("reset")(reset.reset)
app.command("lineage")(lineage.lineage)
app.command("replay")(replay.replay)
app.command("sidecar")(sidecar.sidecar)
app.command("simulate")(simulate.simulate)
app.add_typer(models.app, name="models")
app.add_typer(snapshots.app, name="snapshots")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(inbox.app, name="inbox")
app.add_typer(clock.app, name="clock")
app.add_typer(migrate.app, name="migrate")
app.add_typer(keys.app, name="keys")
app.add_typer(broker.app, name="broker")
app.add_typer(dlq.app, name="dlq")
