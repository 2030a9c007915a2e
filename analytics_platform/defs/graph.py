"""Dagster's asset graph as the neutral graph that the gate and the planner read."""

from typing import Any

import dagster as dg
from dagster import AssetKey
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.definitions.assets.graph.base_asset_graph import (
    BaseAssetGraph,
    BaseAssetNode,
)
from dagster._core.definitions.assets.job.asset_job import JobScopedAssetGraph

from analytics_platform.core.gate import Edge, Graph, Reads


def asset_graph(definitions: dg.Definitions) -> AssetGraph:
    """The resolved graph of all assets."""
    return definitions.resolve_asset_graph()


def whole_graph(context: dg.AssetExecutionContext) -> "BaseAssetGraph[Any]":
    """All assets of the code location; a job knows only its own and their parents."""
    graph = context.job_def.asset_layer.asset_graph
    return graph.source_asset_graph if isinstance(graph, JobScopedAssetGraph) else graph


def neutral_graph(graph: "BaseAssetGraph[Any]") -> Graph:
    """The gate's view of the assets: names, partitions and who reads what.

    Every partitioned asset has the domain's partitions. A mapping that reaches back
    becomes a window of that many earlier partitions.
    """
    nodes = {key.to_user_string(): graph.get(key) for key in graph.get_all_asset_keys()}
    partitioned = {name for name, node in nodes.items() if node.is_partitioned}
    keys: tuple[str, ...] = ()
    for name in partitioned:
        definition = nodes[name].partitions_def
        keys = tuple(definition.get_partition_keys()) if definition else keys
        break
    return Graph(
        partitions=keys,
        partitioned=frozenset(partitioned),
        edges={name: _edges(node) for name, node in nodes.items()},
    )


def asset_key(name: str) -> AssetKey:
    """The key of an asset written as `raw/orders` is written there."""
    return AssetKey.from_user_string(name)


def _edges(node: "BaseAssetNode") -> tuple[Edge, ...]:
    mappings = node.partition_mappings
    parents = sorted(node.parent_keys)
    return tuple(_edge(parent, mappings.get(parent)) for parent in parents)


def _edge(parent: AssetKey, mapping: dg.PartitionMapping | None) -> Edge:
    name = parent.to_user_string()
    if isinstance(mapping, dg.AllPartitionMapping):
        return Edge(name, Reads.ALL)
    if isinstance(mapping, dg.TimeWindowPartitionMapping) and mapping.start_offset:
        return Edge(name, Reads.WINDOW, -mapping.start_offset)
    return Edge(name)
