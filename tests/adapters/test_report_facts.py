"""A report is gathered from snapshot, registry and control store."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from analytics_platform.adapters.control_store.ledger import Note
from analytics_platform.adapters.model_registry import ModelRegistry
from analytics_platform.adapters.promotion_gate import run_gate
from analytics_platform.adapters.report_facts import ReportSources, make_report
from analytics_platform.adapters.report_html import render_html
from analytics_platform.adapters.snapshots import SnapshotStore
from analytics_platform.adapters.training_run import Occasion, train_candidate
from analytics_platform.adapters.training_sets import TrainingSets
from analytics_platform.contracts.records import ColumnProfile, TableProfile, Verdict
from analytics_platform.core.reports import Badge, Report, Section
from analytics_platform.errors import NotFound
from tests.support.model_domain import (
    DELAY,
    DOMAIN,
    mlflow_database,
    registry,
    training_set,
)
from tests.support.order_snapshot import REPORT, VERSION, publish_orders
from tests.support.reports import verdict

__all__ = ["mlflow_database", "registry"]

NOW = datetime(2024, 3, 1, tzinfo=UTC)
# Only the relation: what a metric is, the tests of the semantic layer say.
SPEC = REPORT.model_copy(update={"headlines": (), "sections": REPORT.sections[2:]})


@pytest.fixture
def sources(registry: ModelRegistry) -> ReportSources:
    snapshots = publish_orders(registry.artifacts, registry.store)
    return ReportSources(snapshots, registry, registry.store)


def section(report: Report, anchor: str) -> Section:
    return next(one for one in report.sections if one.anchor == anchor)


def test_without_a_snapshot_there_is_nothing_to_report(registry: ModelRegistry) -> None:
    snapshots = SnapshotStore(registry.artifacts, registry.store)
    with pytest.raises(NotFound, match="no published snapshot"):
        make_report(
            DOMAIN,
            SPEC,
            ReportSources(snapshots, registry, registry.store),
            run_id="r",
        )


def test_before_the_first_release_the_report_says_so(sources: ReportSources) -> None:
    report = make_report(DOMAIN, SPEC, sources, run_id="run-report")
    assert section(report, "released-models").notes
    assert section(report, "longest").table is not None


def test_provenance_proves_the_manifest(sources: ReportSources) -> None:
    report = make_report(DOMAIN, SPEC, sources, run_id="run-report")
    path = f"snapshots/{VERSION}/manifest.json"
    content = sources.registry.artifacts.read_bytes(path)
    assert report.provenance.manifest_sha256 == hashlib.sha256(content).hexdigest()
    assert report.provenance.snapshot == VERSION


def test_verdicts_make_badge_and_chapter(sources: ReportSources) -> None:
    red: Verdict = verdict("key", passed=False, failing_rows=3, detail="3 twice")
    sources.store.verdicts.record([red])
    report = make_report(DOMAIN, SPEC, sources, run_id="run-report")
    assert report.badge is Badge.RED
    failed = section(report, "quality-failed-checks").table
    assert failed is not None
    assert failed.values("reason") == ("3 twice",)


def test_columns_that_changed_are_told(sources: ReportSources) -> None:
    for null_share, at in ((0.0, NOW), (0.4, NOW + timedelta(hours=1))):
        column = ColumnProfile(
            name="shop", type="varchar", null_share=null_share, distinct=2
        )
        sources.store.profiles.record(
            TableProfile(
                asset="raw/orders",
                rows=100,
                columns=(column,),
                run_id="r",
                profiled_at=at,
            )
        )
    report = make_report(DOMAIN, SPEC, sources, run_id="run-report")
    changed = section(report, "quality-changed-columns").table
    assert changed is not None
    assert changed.values("column") == ("shop",)
    assert "40.0%" in str(changed.values("change")[0])


def test_a_released_model_is_judged_and_its_history_told(
    sources: ReportSources,
) -> None:
    data = training_set()
    kept = TrainingSets(sources.registry.artifacts, sources.store)
    kept.save(data, Note("run", "assembled", {"rows": data.rows}, NOW))
    occasion = Occasion("run-train", NOW)
    train_candidate(sources.registry, DOMAIN, DELAY, kept.current(), occasion)
    run_gate(sources.registry, DELAY, Occasion("run-gate", NOW))
    report = make_report(DOMAIN, SPEC, sources, run_id="run-report")
    scores = section(report, "model-delay")
    assert [chart.kind for chart in scores.charts] == ["points", "bar"]
    history = section(report, "history-delay").table
    assert history is not None
    assert history.values("action") == ("released",)
    assert render_html(report) == render_html(report)
