"""Carries out `analytics materialize`, once its heavy libraries are wanted."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from analytics_platform.cli.review_display import print_review
from analytics_platform.cli.run_display import RunDisplay
from analytics_platform.cli.terminal import open_console
from analytics_platform.core import partitions
from analytics_platform.core.calendar import begun_keys, local_day
from analytics_platform.core.gate import Graph, Part
from analytics_platform.definitions import build_definitions
from analytics_platform.defs.dead_runs import mend_dead_runs
from analytics_platform.defs.graph import asset_graph, neutral_graph
from analytics_platform.defs.instance import open_instance
from analytics_platform.defs.runs import Builder, Built
from analytics_platform.defs.wanted import Wanted, missing, selected, unjudged
from analytics_platform.errors import BlockedByCheck, PlatformError
from analytics_platform.resources import Resources, open_resources
from analytics_platform.settings import Settings


@dataclass(frozen=True)
class Request:
    """What the command line asked for."""

    first: str | None
    last: str | None
    select: str
    missing: bool


def carry_out(settings: Settings, request: Request) -> None:
    """Build what was asked for, print what became of it.

    Raises:
        BlockedByCheck: a blocking check is red (exit code 3).
        PlatformError: a step failed (exit code 1).
    """
    console = open_console()
    started = time.monotonic()
    resources = open_resources(settings)
    definitions = build_definitions(resources)
    previous = resources.store.verdicts.latest()
    with open_instance() as instance:
        mend_dead_runs(instance)
        graph = neutral_graph(asset_graph(definitions))
        chosen = selected(definitions, request.select)
        wanted = _wanted(resources, chosen, graph, request)
        if request.missing:
            silent = unjudged(resources.domain.model_checks, previous, wanted)
            wanted = missing(instance, graph, wanted, silent)
        if not wanted:
            console.print("Nothing is missing.")
            return
        with RunDisplay(console, len(wanted)) as display:
            builder = Builder(definitions, instance, resources.store, display.follow)
            built = builder.build(wanted)
    console.print(display.summary(built))
    current = resources.store.verdicts.latest()
    print_review(console, current, previous)
    console.print(
        f"{sum(len(parts) for parts in built.parts.values())} materializations in "
        f"{time.monotonic() - started:.1f} s."
    )
    _judge(built)


def _wanted(
    resources: Resources, chosen: Iterable[str], graph: Graph, request: Request
) -> Wanted:
    """The chosen assets with the asked partitions that have something to show."""
    domain = resources.domain
    today = local_day(resources.clock.now(), domain.timezone)
    asked = partitions.select(domain.partitions, request.first, request.last)
    begun = begun_keys(domain.partitions, today)
    keys: frozenset[Part] = frozenset({*asked} & {*begun})
    whole: frozenset[Part] = frozenset({None})
    return {asset: keys if asset in graph.partitioned else whole for asset in chosen}


def _judge(built: Built) -> None:
    if built.failed or built.unjudged:
        raise PlatformError(_errors(built), hint=_logs(built))
    if built.red:
        lines = "".join(
            f"\n  {asset}: {', '.join(sorted(str(part) for part in parts if part))}"
            for asset, parts in built.red.items()
        )
        raise BlockedByCheck(
            f"A blocking check is red:{lines}",
            hint="`analytics quarantine list` shows what was kept aside; "
            "mend it, then build these partitions again.",
        )
    if built.left:
        raise BlockedByCheck(
            f"Kept back by what was red before: {', '.join(sorted(built.left))}.",
            hint="`analytics status` shows what is red; mend and build that first.",
        )


def _errors(built: Built) -> str:
    lines = [f"{len(built.failed)} asset(s) failed:"] if built.failed else []
    lines += [f"  {asset}: {why}" for asset, why in built.failed.items()]
    if built.unjudged:
        lines.append(f"{len(built.unjudged)} step(s) of checks failed:")
    for error in built.unjudged:
        judged = ", ".join(error.parts)
        effect = "what reads it was kept back" if error.blocks else "no check blocks"
        lines.append(f"  {error.step}: {error.why}")
        lines.append(f"    Nobody judged {judged}: {effect}.")
    return "\n".join(lines)


def _logs(built: Built) -> str:
    files = "".join(f"\n  {path}" for path in built.logs)
    return f"The tracebacks, which Dagster's pages show with their runs:{files}"
