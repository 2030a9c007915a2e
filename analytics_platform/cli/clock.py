"""`analytics clock`: what time it is for the platform; pause, resume, speed."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from analytics_platform.adapters import clock_state
from analytics_platform.cli.environment import prepare

app = typer.Typer(help="Show and steer the platform's clock.", no_args_is_help=True)


@app.command("show")
def show() -> None:
    """Print the platform's time and whether it runs."""
    settings = prepare()
    state = clock_state.read_state(settings.home)
    now = clock_state.open_clock(settings).now()
    kind = "wall clock"
    if state and settings.clock != "wall":
        kind = "paused" if state.is_paused else f"replay at {state.speed:g} times"
    print(f"{now:%Y-%m-%d %H:%M:%S} UTC ({kind})")


@app.command("pause")
def pause() -> None:
    """Stop the replay where it is."""
    state = clock_state.pause_replay(prepare().home, datetime.now(UTC))
    print(f"Paused at {state.position:%Y-%m-%d %H:%M:%S} UTC.")


@app.command("resume")
def resume(
    speed: Annotated[
        float | None, typer.Option(help="Times as fast as the wall clock.")
    ] = None,
) -> None:
    """Let the replay go on, at another speed if given."""
    state = clock_state.resume_replay(prepare().home, datetime.now(UTC), speed)
    print(f"Runs from {state.position:%Y-%m-%d %H:%M:%S} UTC at {state.speed:g} times.")
