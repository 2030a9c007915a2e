"""Event streams: their topics as sources, and raw tables of what was sent."""

from collections.abc import Callable

import dagster as dg

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.warehouse import Warehouse
from analytics_platform.clock import Clock
from analytics_platform.contracts.domain import Column, Domain
from analytics_platform.contracts.streams import EventStream
from analytics_platform.core.event_rows import EventTable
from analytics_platform.defs.retries import retrying
from analytics_platform.settings import Settings


def build(domain: Domain) -> dg.Definitions:
    """One external node and one raw table per event stream."""
    return dg.Definitions(
        assets=[
            *(_source(stream) for stream in domain.streams),
            *(_raw_table(stream, domain) for stream in domain.streams),
        ]
    )


def events_key(stream: EventStream) -> dg.AssetKey:
    """The asset of a stream's events."""
    return dg.AssetKey(["raw", stream.name])


def _source_key(stream: EventStream) -> dg.AssetKey:
    return dg.AssetKey(["source", "kafka", stream.topics[0].name])


def _source(stream: EventStream) -> dg.AssetSpec:
    columns = [one for one in EventTable(stream).columns if _is_field(one, stream)]
    return dg.AssetSpec(
        _source_key(stream),
        description=f"The topic that raw.{stream.name} comes from. "
        f"{stream.description}",
        group_name="sources",
        owners=[stream.owner],
        kinds={"kafka"},
        metadata={"dagster/column_schema": _schema(columns)},
    )


def _raw_table(stream: EventStream, domain: Domain) -> dg.AssetsDefinition:
    columns = EventTable(stream).columns
    source = _source_key(stream)
    asset: dg.AssetsDefinition = dg.asset(
        key=events_key(stream),
        deps=[source],
        description=f"One row per message: {stream.description}",
        group_name="ingestion",
        owners=[stream.owner],
        kinds={"kafka", "dlt"},
        tags={"domain": domain.name, "layer": "raw"},
        metadata={
            "dagster/column_schema": _schema(columns),
            "dagster/column_lineage": dg.TableColumnLineage(
                {
                    one.name: [dg.TableColumnDep(source, one.name)]
                    for one in columns
                    if _is_field(one, stream)
                }
            ),
        },
        pool="warehouse",
    )(_step(stream))
    return asset


def _step(stream: EventStream) -> Callable[..., dg.MaterializeResult[None]]:
    def load(
        context: dg.AssetExecutionContext,
        settings: dg.ResourceParam[Settings],
        clock: dg.ResourceParam[Clock],
        warehouse: dg.ResourceParam[Warehouse],
        store: dg.ResourceParam[ControlStore],
    ) -> dg.MaterializeResult[None]:
        from analytics_platform.adapters.event_loading import EventLoader

        run_id = context.run.run_id
        loader = EventLoader(
            settings, warehouse, store, stream, run_id=run_id, at=clock.now()
        )
        with retrying(context):
            loaded = loader.load()
            total = loader.count()
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": total,
                "new_rows": loaded.rows,
                "quarantined": loaded.bad,
                "lost_offsets": loaded.lost,
                "cluster": loaded.cluster or "none",
                **({"note": loaded.note} if loaded.note else {}),
            }
        )

    return load


def _schema(columns: "tuple[Column, ...] | list[Column]") -> dg.TableSchema:
    return dg.TableSchema(
        [
            dg.TableColumn(
                one.name,
                one.type.value,
                description=one.description
                + (f" Unit: {one.unit}." if one.unit else ""),
                constraints=dg.TableColumnConstraints(nullable=one.nullable),
            )
            for one in columns
        ]
    )


def _is_field(column: Column, stream: EventStream) -> bool:
    return stream.field(column.name) is not None
