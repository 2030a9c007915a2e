"""Builders of report parts for tests: small, and with every kind of section."""

from datetime import UTC, date, datetime

from analytics_platform.contracts.domain import (
    ReportField,
    ReportSection,
    ReportSpec,
    Severity,
)
from analytics_platform.contracts.evaluation import (
    CalibrationBin,
    Comparison,
    Contribution,
    Evaluation,
    Interval,
    SliceQuality,
)
from analytics_platform.contracts.records import (
    LedgerEntry,
    ModelManifest,
    QuarantineEntry,
    SnapshotManifest,
    Verdict,
)
from analytics_platform.core.profiles import Change, ChangeKind
from analytics_platform.core.report_builder import (
    Origin,
    Quality,
    Results,
    build_report,
)
from analytics_platform.core.report_models import ModelFacts
from analytics_platform.core.report_sections import Answer
from analytics_platform.core.reports import Report

AT = datetime(2024, 5, 1, 6, tzinfo=UTC)
HOSTILE = "<script>alert('x')</script>"

SPEC = ReportSpec(
    name="orders",
    title="Orders",
    description="What was ordered.",
    owner="team:shop",
    headlines=("orders", "late_share"),
    fields=(
        ReportField(name="metric_time__day", title="Day", style="date"),
        ReportField(name="orders", title="Orders", style="integer"),
        ReportField(
            name="late_share", title="Late share", style="percent", better="lower"
        ),
        ReportField(
            name="wait", title="Mean wait", unit="min", decimals=1, better="lower"
        ),
        ReportField(name="shop", title="Shop", style="text"),
        ReportField(name="weekday", title="Weekday", style="text", labels={"1": "Mon"}),
    ),
    sections=(
        ReportSection(
            title="Over time",
            text="By day.",
            metrics=("late_share", "wait"),
            group_by=("metric_time__day",),
            smooth=2,
        ),
        ReportSection(
            title="Shops & co",
            text="By shop.",
            metrics=("late_share", "orders"),
            group_by=("shop",),
            chart="bar",
            plotted=("late_share",),
        ),
        ReportSection(
            title="By weekday",
            text="",
            metrics=("late_share",),
            group_by=("hour", "weekday"),
            chart="heatmap",
        ),
        ReportSection(
            title="Nothing", text="Empty.", relation="nothing", columns=("shop",)
        ),
    ),
)

RESULTS = Results(
    sections=(
        Answer(
            ("metric_time__day", "late_share", "wait"),
            (
                ("2024-04-28", 0.125, 3.25),
                ("2024-04-29", None, None),
                ("2024-04-30", 0.25, -1.5),
            ),
            {"late_share": ("marts/orders.minutes",)},
        ),
        Answer(
            ("shop", "late_share", "orders"),
            ((HOSTILE, 0.5, 1234), ("North", 0.0, 7)),
            {"shop": ("marts/shops.name",)},
        ),
        Answer(
            ("hour", "weekday", "late_share"),
            ((10, 1, 0.1), (11, 1, 0.2), (10, 2, 0.3)),
        ),
        Answer(("shop",), ()),
    ),
    headlines=Answer(("orders", "late_share"), ((1241, 0.2),)),
    headlines_before=Answer(("orders", "late_share"), ((1000, 0.25),)),
    data_date=date(2024, 4, 30),
)


def verdict(check: str, **changes: object) -> Verdict:
    """A verdict on 1,000 rows of raw/orders, green but for the `changes`."""
    green = Verdict(
        asset="raw/orders",
        partition="2024-04-01",
        check=check,
        passed=True,
        severity=Severity.ERROR,
        blocking=True,
        failing_rows=0,
        total_rows=1000,
        run_id="run-1",
        evaluated_at=AT,
    )
    return green.model_copy(update=changes)


def quality() -> Quality:
    """One green check, one expected failure, one new warning; a change; an entry."""
    return Quality(
        verdicts=(
            verdict("key_is_unique"),
            verdict(
                "shop_is_known",
                passed=False,
                severity=Severity.WARN,
                known_defect=True,
                failing_rows=149,
                detail="Old shops are not listed.",
            ),
            verdict(
                "wait_is_plausible",
                passed=False,
                severity=Severity.WARN,
                failing_rows=2,
                detail="2 rows wait longer than a day",
            ),
        ),
        changes={"raw/orders": [Change("shop", ChangeKind.NULLS, "0 % → 12 %")]},
        quarantine=(
            QuarantineEntry(
                id="q1",
                table="orders",
                partition=None,
                origin="fix.csv",
                rows=3,
                reason="wait: got 'n/a', expected float",
                location="quarantine/q1.parquet",
                run_id="run-1",
                created_at=AT,
            ),
        ),
    )


def model() -> ModelFacts:
    """A regression with one baseline, calibration, a slice and a decision."""
    decision = LedgerEntry(
        sequence=1,
        at=AT,
        actor="run run-gate",
        action="promote",
        subject="model/wait",
        details={"to": "v1", "loss": 4.25, "reasons": ["better beyond doubt"]},
        previous_hash="",
        hash="",
    )
    return ModelFacts(
        _model_manifest(), "Waiting time", "Minutes.", _evaluation(), (decision,)
    )


def _model_manifest() -> ModelManifest:
    return ModelManifest(
        name="wait",
        version="v1",
        task="regression",
        inputs=("shop",),
        categories={},
        target="wait",
        unit="min",
        data_sha256="0" * 64,
        trained_through=AT,
        rows=5000,
        metrics={"rmse": 4.25},
        run_id="run-train",
        mlflow_run_id="m1",
        created_at=AT,
        files={},
    )


def _evaluation() -> Evaluation:
    return Evaluation(
        model="wait",
        task="regression",
        unit="min",
        metric="rmse",
        holdout_from=datetime(2024, 4, 1, tzinfo=UTC),
        holdout_to=AT,
        rows=900,
        metrics={"rmse": 4.25},
        comparisons=(
            Comparison(
                other="mean",
                metric="rmse",
                loss=4.25,
                other_loss=5.5,
                gain=Interval(estimate=1.25, low=1.0, high=1.5),
            ),
        ),
        calibration=(
            CalibrationBin(rows=450, predicted=2.0, observed=2.5),
            CalibrationBin(rows=450, predicted=8.0, observed=7.5),
        ),
        slices=(
            SliceQuality(column="shop", value="North", rows=600, metrics={"rmse": 4.0}),
        ),
        contributions=(Contribution(input="shop", mean_absolute=2.0, share=1.0),),
    )


def manifest() -> SnapshotManifest:
    """The manifest of the snapshot behind the sample report."""
    return SnapshotManifest(
        version="20240501T060000.000000Z-abc",
        domain="shop",
        run_id="run-publish",
        as_of=AT,
        created_at=AT,
        status="warning",
        tables=(),
        semantic_manifest="semantic_manifest.json",
        semantic_manifest_sha256="ab" * 32,
        feature_views={},
    )


def sample_report() -> Report:
    """A report with every kind of section, one of them empty, one value hostile."""
    origin = Origin(manifest(), "cd" * 32, "run-report")
    return build_report(SPEC, RESULTS, quality(), (model(),), origin)
