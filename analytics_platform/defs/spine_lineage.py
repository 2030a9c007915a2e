"""What a spine's columns are computed from, as far as a running step knows."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph

from analytics_platform.contracts.domain import Spine
from analytics_platform.core.features import relation_of
from analytics_platform.core.lineage import Column
from analytics_platform.defs.graph import whole_graph
from analytics_platform.defs.known_lineage import lineage_of
from analytics_platform.errors import NotFound


def spine_ancestors(
    context: dg.AssetExecutionContext, spine: Spine
) -> dict[str, tuple[str, ...]]:
    """Per spine column, the names of all columns behind it, back to the sources.

    A column without a known lineage has none.
    """
    graph = whole_graph(context)
    source = dg.AssetKey(relation_of(spine.source).split("."))
    if not graph.has(source):
        return {}
    lineage = lineage_of(graph, set(_upstream(graph, source)), context.instance)
    ancestors = {}
    for name in spine.columns:
        try:
            behind = lineage.inputs(Column(source.to_user_string(), name))
        except NotFound:
            continue
        ancestors[name] = tuple(sorted({column.name for column in behind}))
    return ancestors


def _upstream(graph: "BaseAssetGraph[Any]", key: dg.AssetKey) -> Iterator[dg.AssetKey]:
    yield key
    for parent in graph.get(key).parent_keys:
        yield from _upstream(graph, parent)
