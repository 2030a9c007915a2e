"""The `analytics` command: finds the subcommand and turns errors into exit codes."""

import sys

import typer

from analytics_platform.cli import (
    clock,
    doctor,
    inbox,
    lineage,
    materialize,
    migrate,
    models,
    quarantine,
    reset,
    snapshots,
    status,
    up,
)
from analytics_platform.errors import PlatformError

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
app.add_typer(models.app, name="models")
app.add_typer(snapshots.app, name="snapshots")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(inbox.app, name="inbox")
app.add_typer(clock.app, name="clock")
app.add_typer(migrate.app, name="migrate")


def main() -> None:
    """Run the command line; a PlatformError ends it with its own exit code."""
    try:
        app()
    except PlatformError as error:
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(error.hint.strip(), file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
