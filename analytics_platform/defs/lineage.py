"""External nodes: what lives outside Dagster, so that the lineage is whole."""

import dagster as dg

from analytics_platform.contracts.domain import Domain
from analytics_platform.contracts.streams import LivePrediction, LiveWindow
from analytics_platform.core.report_quality import COLUMNS_READ

OUTSIDE, LIVE = "outside", "live"
_OWNER = "team:data-platform"
_SNAPSHOT = dg.AssetKey(["published", "snapshot"])
_RECORDS = {
    "ledger": "The append-only ledger: decisions about models, snapshots and data, "
    "who made them and why.",
    "profiles": "What each column looked like at each materialization.",
    "quarantine": "Rows, files and records that broke their contract, kept aside.",
    "verdicts": "What every check found, by partition, and whether it was expected.",
}


def build(domain: Domain) -> dg.Definitions:
    """The control store behind reports, what is live, readers, MLflow's mirror."""
    return dg.Definitions(
        assets=[
            *(_record(table, columns) for table, columns in COLUMNS_READ.items()),
            *_mirror(domain),
            *(_live(one, domain) for one in domain.live_windows),
            *(_live(one, domain) for one in domain.live_predictions),
            _node(
                ["consumers", "snapshot_readers"],
                "Whoever reads the published snapshot from outside: services, "
                "notebooks, dashboards.",
                [_SNAPSHOT],
            ),
            *(
                _node(
                    ["consumers", f"{report.name}_readers"],
                    f"Whoever opens the report {report.title!r}.",
                    [dg.AssetKey(["reports", report.name])],
                )
                for report in domain.reports
            ),
        ]
    )


def _record(table: str, columns: tuple[str, ...]) -> dg.AssetSpec:
    """A table of the control store, with the columns that reports read."""
    schema = dg.TableSchema([dg.TableColumn(name) for name in columns])
    return _node(
        ["control_store", table],
        f"{_RECORDS[table]} A table of the control store.",
        [],
    ).merge_attributes(metadata={"dagster/column_schema": schema})


def _mirror(domain: Domain) -> list[dg.AssetSpec]:
    if not domain.models:
        return []
    return [
        _node(
            ["registry", "mlflow"],
            "MLflow's registry: versions and aliases follow the platform's releases.",
            [dg.AssetKey(["releases", model.name]) for model in domain.models],
        )
    ]


def _live(live: LiveWindow | LivePrediction, domain: Domain) -> dg.AssetSpec:
    """What the sidecar computes of a stream, by the snapshot's metrics or a release."""
    stream = next(one for one in domain.streams if one.name == live.stream)
    topic = dg.AssetKey(["source", "kafka", stream.topics[0].name])
    if isinstance(live, LiveWindow):
        kind, others = "windows", []
        by = {"metrics": ", ".join(live.metrics), "window": live.window.type}
    else:
        kind, others = "predictions", [dg.AssetKey(["releases", live.model])]
        by = {"model": live.model}
    return dg.AssetSpec(
        dg.AssetKey([LIVE, kind, live.name]),
        deps=[topic, _SNAPSHOT, *others],
        description=f"{live.description} Computed by the sidecar while events arrive: "
        "see the live page.",
        group_name=LIVE,
        owners=[live.owner],
        kinds={"kafka"},
        metadata={"channel": f"{kind}.{live.name}", "key": live.key, **by},
    )


def _node(path: list[str], description: str, deps: list[dg.AssetKey]) -> dg.AssetSpec:
    return dg.AssetSpec(
        dg.AssetKey(path),
        deps=deps,
        description=description,
        group_name=OUTSIDE,
        owners=[_OWNER],
        kinds={"external"},
    )
