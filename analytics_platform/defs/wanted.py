"""Which parts of which assets a command asks for."""

from collections.abc import Collection, Iterable, Mapping

import dagster as dg

from analytics_platform.contracts.domain import ModelCheck
from analytics_platform.contracts.records import Verdict
from analytics_platform.core.gate import Graph, Part
from analytics_platform.core.quality import was_evaluated
from analytics_platform.defs.graph import asset_graph, asset_key
from analytics_platform.defs.quality import model_key
from analytics_platform.errors import InvalidUsage

Wanted = dict[str, frozenset[Part]]


def selected(definitions: dg.Definitions, text: str) -> set[str]:
    """The materializable assets that a selection in Dagster's syntax names.

    Raises:
        InvalidUsage: the text cannot be read or names no asset.
    """
    graph = asset_graph(definitions)
    try:
        selection = dg.AssetSelection.from_string(text)
        keys = selection.resolve(graph) & graph.materializable_asset_keys
    except dg.DagsterError as error:
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


def missing(
    instance: dg.DagsterInstance,
    graph: Graph,
    wanted: Mapping[str, frozenset[Part]],
    silent: Mapping[str, frozenset[Part]],
) -> Wanted:
    """What of `wanted` was never built, and everything that reads it.

    What is `silent` (see `unjudged`) counts as never built: a model's checks are a step
    of their own, and a run may have been killed before it.
    """
    left: Wanted = {}
    for asset in graph.in_order():
        parts = wanted.get(asset, frozenset())
        built = _materialized(instance, graph, asset) - silent.get(asset, frozenset())
        done = built - _stale(graph, asset, left)
        if parts - done:
            left[asset] = parts - done
    return left


def unjudged(
    checks: Iterable[ModelCheck],
    verdicts: Iterable[Verdict],
    wanted: Mapping[str, frozenset[Part]],
) -> Wanted:
    """The wanted parts of checked models on which their checks have said nothing."""
    names = {
        (model_key(check).to_user_string(), expectation.name)
        for check in checks
        for expectation in check.expectations
    }
    judged: dict[str, set[Part]] = {asset: set() for asset, _ in names}
    for verdict in verdicts:
        if (verdict.asset, verdict.check) in names and was_evaluated(verdict):
            judged[verdict.asset].add(verdict.partition)
    return {
        asset: frozenset(part for part in wanted[asset] if not _covers(found, part))
        for asset, found in judged.items()
        if asset in wanted
    }


def _covers(judged: Collection[Part], part: Part) -> bool:
    """A verdict on a whole is one on each part; one on any part is one on the whole."""
    return part in judged or None in judged or (part is None and bool(judged))


def _materialized(
    instance: dg.DagsterInstance, graph: Graph, asset: str
) -> frozenset[Part]:
    if asset in graph.partitioned:
        return frozenset(instance.get_materialized_partitions(asset_key(asset)))
    event = instance.get_latest_materialization_event(asset_key(asset))
    return frozenset() if event is None else frozenset({None})


def _stale(
    graph: Graph, asset: str, left: Mapping[str, frozenset[Part]]
) -> frozenset[Part]:
    """The parts of `asset` that read something still to be built."""
    nothing: frozenset[Part] = frozenset()
    return frozenset(
        part
        for part in graph.parts(asset)
        for edge in graph.edges.get(asset, ())
        if left.get(edge.upstream, nothing) & frozenset(graph.read_parts(part, edge))
    )
