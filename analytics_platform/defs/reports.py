"""Reports: per declared report one asset that renders and keeps it."""

from datetime import datetime

import dagster as dg

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.control_store.ledger import Note
from analytics_platform.adapters.model_registry import ModelRegistry
from analytics_platform.adapters.report_facts import ReportSources, make_report
from analytics_platform.adapters.report_store import ReportStore, StoredReport
from analytics_platform.adapters.snapshots import SnapshotStore
from analytics_platform.clock import WallClock
from analytics_platform.contracts.domain import Domain, ReportSpec
from analytics_platform.core.lineage import Column
from analytics_platform.core.report_quality import COLUMNS_READ
from analytics_platform.core.reports import (
    Report,
    change_text,
    columns_behind,
    written,
)
from analytics_platform.defs.gate import require_open
from analytics_platform.defs.promotion import release_key
from analytics_platform.defs.publishing import SNAPSHOT
from analytics_platform.defs.retries import retrying


def build(domain: Domain) -> dg.Definitions:
    """One asset per report of the domain."""
    return dg.Definitions(assets=[_report(domain, spec) for spec in domain.reports])


def report_key(spec: ReportSpec) -> dg.AssetKey:
    """The asset of a report."""
    return dg.AssetKey(["reports", spec.name])


def _report(domain: Domain, spec: ReportSpec) -> dg.AssetsDefinition:
    @dg.asset(
        key=report_key(spec),
        deps=[
            SNAPSHOT,
            *(release_key(model) for model in domain.models),
            *(dg.AssetKey(["control_store", table]) for table in COLUMNS_READ),
        ],
        group_name="reports",
        owners=[spec.owner],
        kinds={"html"},
        tags={"domain": domain.name},
        description=f"{spec.description} One self-contained page, made from the "
        "current snapshot and the released models.",
    )
    def report(
        context: dg.AssetExecutionContext,
        snapshots: dg.ResourceParam[SnapshotStore],
        registry: dg.ResourceParam[ModelRegistry],
        store: dg.ResourceParam[ControlStore],
        reports: dg.ResourceParam[ReportStore],
    ) -> dg.MaterializeResult[None]:
        require_open(context, store)
        with retrying(context):
            sources = ReportSources(snapshots, registry, store)
            made = make_report(domain, spec, sources, run_id=context.run.run_id)
            stored = _keep(made, reports, store, at=WallClock().now())
            return dg.MaterializeResult(metadata=_metadata(made, stored))

    return report


def _keep(
    made: Report, reports: ReportStore, store: ControlStore, *, at: datetime
) -> StoredReport:
    """Store the page and make it current; the ledger remembers its hash."""
    from analytics_platform.adapters.report_html import render_html

    stored = reports.publish(made, render_html(made), at=at)
    subject = f"report/{made.name}"
    before = store.releases.current(subject)
    if before is None or before.version != stored.version:
        details: dict[str, object] = {
            "snapshot": made.provenance.snapshot,
            "badge": made.badge.value,
            "page_sha256": stored.page_sha256,
        }
        note = Note(f"run {made.provenance.runs[0][1]}", "publish", details, at)
        expected = before.version if before else None
        store.releases.move(subject, stored.version, expected=expected, note=note)
    return stored


def _metadata(made: Report, stored: StoredReport) -> dict[str, dg.MetadataValue]:
    value = dg.MetadataValue
    behind = columns_behind(made)
    return {
        "page": value.path(str(stored.page)),
        "version": value.text(stored.version),
        "data_date": value.text(str(made.data_date or "no data")),
        "as_of": value.text(made.as_of.isoformat()),
        "badge": value.text(made.badge.value),
        "quality": value.text(made.badge_text),
        "snapshot": value.text(made.provenance.snapshot),
        "preview": value.md(_preview(made)),
        "dagster/column_schema": value.table_schema(
            dg.TableSchema([dg.TableColumn(name) for name in behind])
        ),
        "dagster/column_lineage": value.column_lineage(
            dg.TableColumnLineage(
                {
                    name: [_dependency(source) for source in sources]
                    for name, sources in behind.items()
                    if sources is not None
                }
            )
        ),
    }


def _dependency(source: str) -> dg.TableColumnDep:
    column = Column.parse(source)
    return dg.TableColumnDep(dg.AssetKey(column.asset.split("/")), column.name)


def _preview(made: Report) -> str:
    """The headlines as a Markdown table."""
    lines = [f"**{made.title}**, {made.period}", "", "| | now | change |", "|-|-|-|"]
    lines += [
        f"| {one.field.title} | {written(one.value, one.field, unit=True)} "
        f"| {change_text(one)} |"
        for one in made.headlines
    ]
    return "\n".join(lines)
