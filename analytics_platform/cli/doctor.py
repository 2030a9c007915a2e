"""`analytics doctor`: what is configured, what answers, what is missing."""

import json
import sys
from typing import Annotated

import typer
from rich.table import Table

from analytics_platform.cli.environment import prepare
from analytics_platform.cli.terminal import open_console
from analytics_platform.settings import known_names

_COLOURS = {"ok": "green", "warning": "yellow", "missing": "red"}


def doctor(
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Mend what is derived: dead runs, aliases."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check this machine, the settings and everything the platform talks to."""
    settings = prepare()
    from analytics_platform.cli.doctor_checks import examine, mend, redacted

    mended = mend(settings) if repair else []
    findings = examine(settings)
    if as_json:
        values = [finding.model_dump() for finding in findings]
        told = {"settings": redacted(settings), "findings": values, "mended": mended}
        print(json.dumps(told, indent=2))
    else:
        console = open_console()
        table = Table(title="Findings")
        for column in ("part", "state", "finding", "what to do"):
            table.add_column(column)
        for finding in findings:
            colour = _COLOURS[finding.state]
            state = f"[{colour}]{finding.state}[/]"
            table.add_row(finding.part, state, finding.found, finding.hint)
        console.print(table)
        console.print(_settings_table(redacted(settings)))
        for line in mended:
            console.print(f"mended: {line}")
    if any(finding.state == "missing" for finding in findings):
        sys.exit(1)


def _settings_table(values: dict[str, str]) -> Table:
    table = Table(title="Settings in force")
    for column in ("setting", "value", "meaning"):
        table.add_column(column)
    for name, meaning in known_names().items():
        table.add_row(name, values[name], meaning)
    return table
