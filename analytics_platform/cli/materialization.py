"""Carries out `analytics materialize`, once its heavy libraries are wanted."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import dagster as dg
from rich.console import Console

from analytics_platform.adapters.clock_state import open_clock
from analytics_platform.cli.review_display import print_review
from analytics_platform.cli.run_display import RunDisplay
from analytics_platform.core import partitions
from analytics_platform.core.calendar import local_day
from analytics_platform.core.gate import Graph, Part
from analytics_platform.definitions import build_definitions
from analytics_platform.defs.dead_runs import mend_dead_runs
from analytics_platform.defs.graph import asset_graph, asset_key, neutral_graph
from analytics_platform.defs.runs import Builder, Built
from analytics_platform.errors import BlockedByCheck, InvalidUsage, PlatformError
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
    console = Console()
    started = time.monotonic()
    resources = open_resources(settings)
    definitions = build_definitions(resources)
    previous = resources.store.verdicts.latest()
    with dg.DagsterInstance.get() as instance:
        mend_dead_runs(instance)
        graph = neutral_graph(asset_graph(definitions))
        wanted = _wanted(resources, definitions, graph, request)
        if request.missing:
            wanted = _missing(instance, graph, wanted)
        with RunDisplay(console, len(wanted)) as display:
            builder = Builder(definitions, instance, resources.store, display.follow)
            built = builder.build(wanted)
    console.print(display.summary(built))
    current = resources.store.verdicts.latest()
    print_review(console, resources.domain, current, previous)
    console.print(
        f"{sum(len(parts) for parts in built.parts.values())} materializations in "
        f"{time.monotonic() - started:.1f} s."
    )
    _judge(built)


def _wanted(
    resources: Resources,
    definitions: dg.Definitions,
    graph: Graph,
    request: Request,
) -> dict[str, frozenset[Part]]:
    """The selected assets with the asked partitions that have begun by now."""
    domain = resources.domain
    today = local_day(open_clock(resources.settings).now(), domain.timezone)
    begun = {
        key
        for key in partitions.select(domain.partitions, request.first, request.last)
        if key <= today.isoformat()
    }
    chosen = _select(definitions, request.select)
    keys: frozenset[Part] = frozenset(begun)
    whole: frozenset[Part] = frozenset({None})
    return {asset: keys if asset in graph.partitioned else whole for asset in chosen}


def _select(definitions: dg.Definitions, text: str) -> set[str]:
    graph = asset_graph(definitions)
    try:
        selection = dg.AssetSelection.from_string(text)
        keys = selection.resolve(graph) & graph.materializable_asset_keys
    except Exception as error:
        raise InvalidUsage(
            f"The selection {text!r} cannot be read: {error}",
            hint="Write it as in Dagster's pages, such as 'key:\"raw/*\"+'.",
        ) from error
    if not keys:
        raise InvalidUsage(
            f"The selection {text!r} names no asset.",
            hint="`analytics status` lists them.",
        )
    return {key.to_user_string() for key in keys}


def _missing(
    instance: dg.DagsterInstance,
    graph: Graph,
    wanted: Mapping[str, frozenset[Part]],
) -> dict[str, frozenset[Part]]:
    """What was never materialized, and everything that reads it."""
    left: dict[str, frozenset[Part]] = {}
    for asset in graph.in_order():
        parts = wanted.get(asset, frozenset())
        readers_stale = any(
            edge.upstream in left for edge in graph.edges.get(asset, ())
        )
        if asset not in graph.partitioned:
            event = instance.get_latest_materialization_event(asset_key(asset))
            lacking = parts if event is None or readers_stale else frozenset[Part]()
        else:
            stale = _stale_parts(graph, asset, left)
            done = instance.get_materialized_partitions(asset_key(asset))
            lacking = frozenset(p for p in parts if p not in done or p in stale)
        if lacking:
            left[asset] = lacking
    return left


def _stale_parts(
    graph: Graph, asset: str, left: Mapping[str, frozenset[Part]]
) -> set[Part]:
    """The partitions of `asset` that read something still to be built."""
    return {
        part
        for part in graph.partitions
        for edge in graph.edges.get(asset, ())
        if left.get(edge.upstream, frozenset()) & set(graph.read_parts(part, edge))
    }


def _judge(built: Built) -> None:
    if built.failed:
        lines = "".join(f"\n  {asset}: {why}" for asset, why in built.failed.items())
        raise PlatformError(
            f"{len(built.failed)} asset(s) failed:{lines}",
            hint="Dagster's pages show the whole run.",
        )
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
