"""A published snapshot of orders, made of nothing but files, and questions about it."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from analytics_platform.adapters.artifacts import ArtifactStore
from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.control_store.ledger import Note
from analytics_platform.adapters.snapshots import SnapshotStore
from analytics_platform.contracts.domain import ReportField, ReportSection, ReportSpec
from analytics_platform.contracts.records import PublishedTable, SnapshotManifest
from analytics_platform.core.report_builder import Period

AT = datetime(2024, 3, 1, 6, tzinfo=UTC)
VERSION = "20240301T060000.000000Z-test"

# Orders on each day of January and February 2024: as many as the day's number, of
# which one is late. North has the odd days, south the even ones.
_ORDERS = """
    select
        day::date as day,
        case when day(day) % 2 = 1 then 'north' else 'south' end as shop,
        n = 1 as is_late,
        n::double as wait_minutes
    from
        generate_series(date '2024-01-01', date '2024-02-29', interval 1 day) d(day),
        generate_series(1, 31) s(n)
    where n <= day(day)
"""

REPORT = ReportSpec(
    name="orders",
    title="Orders",
    description="What was ordered.",
    owner="team:shop",
    headlines=("orders", "late_share"),
    time="day",
    fields=(
        ReportField(name="day", title="Day", style="date"),
        ReportField(name="orders", title="Orders", style="integer"),
        ReportField(
            name="late_share", title="Late share", style="percent", better="lower"
        ),
    ),
    sections=(
        ReportSection(
            title="Over time",
            text="By day.",
            metrics=("late_share",),
            group_by=("day",),
            order_by="day",
            limit=3,
        ),
        ReportSection(
            title="Shops",
            text="By shop.",
            metrics=("orders", "late_share"),
            group_by=("shop",),
            order_by="orders",
            descending=True,
            chart="bar",
        ),
        ReportSection(
            title="Longest",
            text="",
            relation="fct_orders",
            columns=("shop", "wait_minutes"),
            order_by="wait_minutes",
            descending=True,
            where="wait_minutes < 20",
            chart="none",
            limit=2,
        ),
    ),
)

_METRICS = {
    "orders": "count(*)",
    "late_share": "avg(case when is_late then 1.0 else 0.0 end)",
}


def order_sql(
    metrics: Sequence[str], group_by: Sequence[str], period: Period | None = None
) -> str:
    """The metrics of orders, written by hand."""
    figures = [f"{_METRICS[name]} as {name}" for name in metrics]
    chosen = ", ".join([*group_by, *figures])
    where = f" where day between '{period.first}' and '{period.last}'" if period else ""
    groups = f" group by {', '.join(group_by)}" if group_by else ""
    return f"select {chosen} from marts.fct_orders{where}{groups}"


def publish_orders(artifacts: ArtifactStore, store: ControlStore) -> SnapshotStore:
    """Snapshots of which the current one holds fct_orders."""
    with artifacts.staged("snapshots", VERSION) as stage:
        _write(stage)
    note = Note("run run-publish", "publish", {}, AT)
    store.releases.move("snapshot", VERSION, expected=None, note=note)
    return SnapshotStore(artifacts, store)


def _write(stage: Path) -> None:
    file = stage / "marts" / "fct_orders.parquet"
    file.parent.mkdir()
    with duckdb.connect() as connection:
        connection.execute(f"copy ({_ORDERS}) to '{file}' (format parquet)")
        rows = connection.execute(f"select count(*) from '{file}'").fetchall()[0][0]
    (stage / "semantic_manifest.json").write_text("{}")
    manifest = SnapshotManifest(
        version=VERSION,
        domain="shop",
        run_id="run-publish",
        as_of=AT,
        created_at=AT,
        status="green",
        tables=(
            PublishedTable(
                name="fct_orders",
                path="marts/fct_orders.parquet",
                rows=rows,
                bytes=file.stat().st_size,
                sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
                columns={
                    "day": "date32[day]",
                    "shop": "string",
                    "is_late": "bool",
                    "wait_minutes": "double",
                },
                kind="mart",
            ),
        ),
        semantic_manifest="semantic_manifest.json",
        semantic_manifest_sha256="0" * 64,
        feature_views={},
    )
    (stage / "manifest.json").write_text(manifest.model_dump_json())
