"""The `analytics` command: finds the subcommand and turns errors into exit codes."""

import atexit
import gc
import sys

import typer

from analytics_platform.errors import PlatformError


def main() -> None:
    """Run the command line; a PlatformError ends it with its own exit code."""
    # At its end Python would look through all that was imported, for over a second.
    atexit.register(gc.freeze)
    try:
        application(sys.argv[1:])()
    except PlatformError as error:
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(error.hint.strip(), file=sys.stderr)
        sys.exit(error.exit_code)


def application(arguments: list[str]) -> typer.Typer:
    """The command line; for a simulation without the others, to start faster."""
    if arguments[:1] == ["simulate"]:
        from analytics_platform.cli.simulate import simulate

        alone = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
        alone.command("simulate")(simulate)
        alone.callback()(_nothing)
        return alone
    from analytics_platform.cli.commands import app

    return app


def _nothing() -> None:
    """Run and inspect the analytics platform."""


if __name__ == "__main__":
    main()
