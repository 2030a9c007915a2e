"""`analytics simulate`: what a window definition gives for recorded events."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from analytics_platform.errors import InvalidUsage

if TYPE_CHECKING:
    from streaming.windows.compilation import Kernels

# Loading compiled kernels takes as long as Python takes for so many events.
_COMPILED_FROM = 50_000


def simulate(
    scenario: Annotated[
        Path, typer.Argument(help="JSON file with the scenario, - for standard input.")
    ],
) -> None:
    """Dry-run a window definition on recorded events, with the sidecar's own engine.

    Prints JSON lines in order of emission: windows, retractions, late events, dead
    letters, and a summary at the end. An event without a value counts and adds nothing
    to the sum; without proc_ms no processing time passes. docs/windows.md describes
    the scenario.
    """
    from streaming.scenario import parse_scenario
    from streaming.simulation import simulate as lines_of

    try:
        parsed = parse_scenario(_read(scenario))
    except InvalidUsage as error:
        raise InvalidUsage(error.message, hint="") from error
    for line in lines_of(parsed, _kernels(len(parsed.items))):
        sys.stdout.write(json.dumps(line) + "\n")


def _read(path: Path) -> bytes:
    if str(path) == "-":
        return sys.stdin.buffer.read()
    try:
        return path.read_bytes()
    except OSError as error:
        problem = f"The scenario {path} cannot be read: {error.strerror}."
        raise InvalidUsage(problem, hint="") from error


def _kernels(events: int) -> "Kernels":
    """Machine code where it pays; results are the same."""
    from streaming.windows.compilation import compiled, interpreted

    if events < _COMPILED_FROM:
        return interpreted()
    from analytics_platform.settings import load_settings

    return compiled(load_settings().kernels_path)
