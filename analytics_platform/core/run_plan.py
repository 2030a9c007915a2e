"""Plans the runs that build what is wanted, leaving out what the gate keeps back."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import groupby

from analytics_platform.core.gate import Graph, Part

Parts = Mapping[str, Collection[Part]]
_WHOLE: frozenset[Part] = frozenset({None})


@dataclass(frozen=True)
class PlannedRun:
    """One run: `assets` over the partitions `first` to `last`, or whole (None)."""

    assets: frozenset[str]
    first: str | None = None
    last: str | None = None

    def parts(self, graph: Graph) -> dict[str, frozenset[Part]]:
        """What the run builds: its range of partitioned assets, the others whole."""
        inside: frozenset[Part] = frozenset(
            key
            for key in graph.partitions
            if self.first is not None
            and self.last is not None
            and self.first <= key <= self.last
        )
        return {
            asset: inside if asset in graph.partitioned else _WHOLE
            for asset in self.assets
        }


def next_runs(graph: Graph, wanted: Parts, allowed: Parts) -> list[PlannedRun]:
    """The runs to start now, in order; empty when nothing more can be built.

    `wanted` is what remains to be built and `allowed` the part of it that the gate
    lets through. One run builds all that is allowed where nothing is kept back.
    Otherwise wholes and ranges take turns: an asset waits for all wanted assets of
    the other kind that it reads, directly or not.
    """
    ready = {asset: frozenset(parts) for asset, parts in allowed.items() if parts}
    single = _single_run(graph, wanted, ready)
    if single is not None:
        return [single]
    waiting = {asset for asset, parts in wanted.items() if parts}
    wholes = {
        asset
        for asset in ready
        if asset not in graph.partitioned
        and not _ancestors(graph, asset) & waiting & graph.partitioned
    }
    if wholes:
        return [PlannedRun(frozenset(wholes))]
    ranged = {
        asset: parts
        for asset, parts in ready.items()
        if asset in graph.partitioned
        and not (_ancestors(graph, asset) & waiting) - graph.partitioned
    }
    return _ranges(graph, ranged)


def without(wanted: Parts, done: Parts) -> dict[str, frozenset[Part]]:
    """What remains of `wanted` after `done`; assets with nothing left are dropped."""
    left = {
        asset: frozenset(parts) - frozenset(done.get(asset, ()))
        for asset, parts in wanted.items()
    }
    return {asset: parts for asset, parts in left.items() if parts}


def _single_run(
    graph: Graph, wanted: Parts, allowed: Mapping[str, frozenset[Part]]
) -> PlannedRun | None:
    if not allowed or without(wanted, allowed):
        return None
    ranges = _ranges(
        graph, {a: p for a, p in allowed.items() if a in graph.partitioned}
    )
    if len(ranges) > 1:
        return None
    first, last = (ranges[0].first, ranges[0].last) if ranges else (None, None)
    return PlannedRun(frozenset(allowed), first, last)


def _ranges(graph: Graph, parts: Mapping[str, frozenset[Part]]) -> list[PlannedRun]:
    """Neighbouring partitions in which the same assets are to be built, in order."""
    runs = []
    members = [
        (key, frozenset(asset for asset, keys in parts.items() if key in keys))
        for key in graph.partitions
    ]
    for assets, group in groupby(members, lambda member: member[1]):
        keys = [key for key, _ in group]
        if assets:
            runs.append(PlannedRun(assets, keys[0], keys[-1]))
    return runs


def _ancestors(graph: Graph, asset: str) -> set[str]:
    found: set[str] = set()
    stack = [asset]
    while stack:
        for edge in graph.edges.get(stack.pop(), ()):
            if edge.upstream not in found:
                found.add(edge.upstream)
                stack.append(edge.upstream)
    return found
