"""What Dagster knows of lineage, as the neutral graph of core/lineage."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import dagster as dg
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph

from analytics_platform.core.lineage import Asset, Column, Lineage
from analytics_platform.defs.graph import asset_graph

_SCHEMA, _LINEAGE = "dagster/column_schema", "dagster/column_lineage"

_Metadata = Mapping[str, object]


def known_lineage(
    definitions: dg.Definitions, instance: dg.DagsterInstance | None = None
) -> Lineage:
    """All assets and edges of the definitions, with the columns that are declared.

    With an `instance`, what the latest materializations say of columns is added; it
    goes before a declaration about the same column.
    """
    graph = asset_graph(definitions)
    return lineage_of(graph, graph.get_all_asset_keys(), instance)


def lineage_of(
    graph: "BaseAssetGraph[Any]",
    keys: Iterable[dg.AssetKey],
    instance: dg.DagsterInstance | None = None,
) -> Lineage:
    """The same for some assets of a resolved graph, such as that of a running step."""
    assets = []
    for key in sorted(keys):
        node = graph.get(key)
        told = [node.metadata, *_materialized(instance, key)]
        assets.append(
            Asset(
                name=key.to_user_string(),
                group=node.group_name or "",
                is_external=not node.is_materializable,
                upstream=tuple(sorted(k.to_user_string() for k in node.parent_keys)),
                columns=_columns(told),
                sources={
                    name: sources
                    for metadata in told
                    for name, sources in _sources(metadata).items()
                },
            )
        )
    return Lineage(tuple(assets))


def _materialized(
    instance: dg.DagsterInstance | None, key: dg.AssetKey
) -> Iterator[_Metadata]:
    event = instance.get_latest_materialization_event(key) if instance else None
    if event and event.asset_materialization:
        yield event.asset_materialization.metadata


def _columns(told: list[_Metadata]) -> tuple[str, ...]:
    """The column names of the last one who tells a schema."""
    schemas = [_plain(metadata.get(_SCHEMA)) for metadata in told]
    known = [one for one in schemas if isinstance(one, dg.TableSchema)]
    if known:
        return tuple(column.name for column in known[-1].columns)
    return tuple(
        sorted({name for metadata in told for name in _sources(metadata)}),
    )


def _sources(metadata: _Metadata) -> dict[str, tuple[Column, ...]]:
    lineage = _plain(metadata.get(_LINEAGE))
    if not isinstance(lineage, dg.TableColumnLineage):
        return {}
    return {
        name: tuple(
            sorted(
                Column(dep.asset_key.to_user_string(), dep.column_name) for dep in deps
            )
        )
        for name, deps in lineage.deps_by_column.items()
    }


def _plain(value: object) -> object:
    """What a metadata value holds, whether it is wrapped or not."""
    return value.value if isinstance(value, dg.MetadataValue) else value
