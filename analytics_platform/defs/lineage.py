"""External nodes: what lives outside Dagster, so that the lineage is whole."""

import dagster as dg

from analytics_platform.contracts.domain import Domain
from analytics_platform.core.report_quality import COLUMNS_READ

OUTSIDE = "outside"
_OWNER = "team:data-platform"


def build(domain: Domain) -> dg.Definitions:
    """The control store behind reports, the registry's mirror, snapshot readers."""
    return dg.Definitions(
        assets=[
            *(_record(table, columns) for table, columns in COLUMNS_READ.items()),
            *_mirror(domain),
            _node(
                ["consumers", "snapshot_readers"],
                "Whoever reads the published snapshot from outside: services, "
                "notebooks, dashboards.",
                [dg.AssetKey(["published", "snapshot"])],
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
        f"The platform's own record of {table}, written by every step.",
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


def _node(path: list[str], description: str, deps: list[dg.AssetKey]) -> dg.AssetSpec:
    return dg.AssetSpec(
        dg.AssetKey(path),
        deps=deps,
        description=description,
        group_name=OUTSIDE,
        owners=[_OWNER],
        kinds={"external"},
    )
