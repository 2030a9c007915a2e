"""The data-quality chapter of a report: verdicts, news, and what is kept aside."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from analytics_platform.contracts.domain import Severity
from analytics_platform.contracts.records import QuarantineEntry, Scalar, Verdict
from analytics_platform.core.profiles import Change
from analytics_platform.core.quality import News, Notice, review
from analytics_platform.core.report_sections import anchor_of
from analytics_platform.core.reports import (
    Badge,
    Field,
    Section,
    Style,
    Table,
    table_of,
)

CHAPTER = "Data quality"
# What a report reads of the control store, by table.
COLUMNS_READ: dict[str, tuple[str, ...]] = {
    "verdicts": (
        "asset",
        "check",
        "partition",
        "passed",
        "severity",
        "known_defect",
        "failing_rows",
        "total_rows",
        "detail",
    ),
    "profiles": ("asset", "columns"),
    "quarantine": (
        "table",
        "partition",
        "origin",
        "rows",
        "reason",
        "created_at",
        "id",
    ),
    "ledger": ("at", "action", "actor", "details"),
}
_CheckKey = tuple[str, str]  # asset, check


def recorded(table: str, *columns: str) -> tuple[str, ...]:
    """Columns of a table of the control store, as a lineage names them."""
    return tuple(f"control_store/{table}.{column}" for column in columns)


def badge_of(verdicts: Sequence[Verdict]) -> Badge:
    """Red: an error that the data does not explain; warning: such a warning.

    Where nothing was checked nothing is proven, which is a warning too.
    """
    news = [verdict.severity for verdict in verdicts if is_news(verdict)]
    if Severity.ERROR in news:
        return Badge.RED
    return Badge.WARNING if news or not verdicts else Badge.GREEN


def is_news(verdict: Verdict) -> bool:
    """Whether a check failed otherwise than its declaration expects."""
    return not verdict.passed and not verdict.known_defect


def badge_text(verdicts: Sequence[Verdict]) -> str:
    """The verdicts behind a badge, counted by check."""
    checks = _by_check(verdicts)
    if not checks:
        return "no checks have run"
    failed = {key: found for key, found in checks.items() if not _all_passed(found)}
    news = sum(any(map(is_news, found)) for found in failed.values())
    parts = [f"{len(checks)} checks", f"{len(checks) - len(failed)} green"]
    if len(failed) > news:
        parts.append(f"{len(failed) - news} {News.EXPECTED}")
    if news:
        parts.append(f"{news} {News.NEW}")
    return ", ".join(parts)


def quality_sections(
    verdicts: Sequence[Verdict],
    changes: Mapping[str, Sequence[Change]],
    quarantine: Sequence[QuarantineEntry],
) -> tuple[Section, ...]:
    """Checks by asset, the failed ones, changed columns by asset, open quarantine."""
    return (
        _checks(verdicts),
        _failures(verdicts),
        _changes(changes),
        _quarantine(quarantine),
    )


def _checks(verdicts: Sequence[Verdict]) -> Section:
    news = ["passed", "known_defect", "severity"]
    by_asset: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        by_asset[verdict.asset].append(verdict)
    fields = (
        Field("asset", "Asset", lineage=recorded("verdicts", "asset")),
        *(
            Field(name, title, Style.INTEGER, lineage=recorded("verdicts", *behind))
            for name, title, behind in (
                ("checks", "Checks", ["check"]),
                ("verdicts", "Verdicts", []),
                ("green", "Green", ["passed"]),
                ("expected", "Expected by the data", ["passed", "known_defect"]),
                ("warnings", "New warnings", news),
                ("errors", "New errors", news),
            )
        ),
    )
    rows = [_tally(asset, by_asset[asset]) for asset in sorted(by_asset)]
    return _section(
        "Checks by asset",
        "One verdict per check and partition. Expected by the data: the check fails at "
        "the rate that its declaration documents as a known defect of the source.",
        table_of(fields, rows),
        empty="No checks have run.",
    )


def _tally(asset: str, verdicts: Sequence[Verdict]) -> tuple[Scalar, ...]:
    news = [verdict for verdict in verdicts if is_news(verdict)]
    errors = sum(verdict.severity is Severity.ERROR for verdict in news)
    passed = sum(verdict.passed for verdict in verdicts)
    return (
        asset,
        len({verdict.check for verdict in verdicts}),
        len(verdicts),
        passed,
        len(verdicts) - passed - len(news),
        len(news) - errors,
        errors,
    )


def _failures(verdicts: Sequence[Verdict]) -> Section:
    details = {
        (verdict.asset, verdict.check): verdict.detail
        for verdict in verdicts
        if not verdict.passed
    }
    fields = (
        Field("asset", "Asset", lineage=recorded("verdicts", "asset")),
        Field("check", "Check", lineage=recorded("verdicts", "check")),
        Field(
            "verdict",
            "Verdict",
            lineage=recorded("verdicts", "known_defect", "severity"),
        ),
        Field("partitions", "Partitions", lineage=recorded("verdicts", "partition")),
        Field(
            "failing",
            "Failing rows",
            Style.INTEGER,
            lineage=recorded("verdicts", "failing_rows"),
        ),
        Field(
            "share",
            "Share",
            Style.PERCENT,
            decimals=2,
            lineage=recorded("verdicts", "failing_rows", "total_rows"),
        ),
        Field("reason", "Reason", lineage=recorded("verdicts", "detail")),
    )
    rows = [_failure(notice, details) for notice in review(verdicts)]
    return _section(
        "Failed checks",
        "Every check that is not green, the new ones first.",
        table_of(fields, rows),
        empty="Every check is green.",
    )


def _failure(notice: Notice, details: Mapping[_CheckKey, str]) -> tuple[Scalar, ...]:
    total, is_new = notice.total_rows, notice.news is News.NEW
    undetailed = "" if is_new else "a documented defect"
    return (
        notice.asset,
        notice.check,
        f"{notice.news} {notice.severity}" if is_new else str(notice.news),
        _partitions_text(notice.partitions),
        notice.failing_rows,
        notice.failing_rows / total if total else None,
        notice.because or details.get((notice.asset, notice.check)) or undetailed,
    )


def _changes(changes: Mapping[str, Sequence[Change]]) -> Section:
    fields = (
        Field("asset", "Asset", lineage=recorded("profiles", "asset")),
        Field("column", "Column", lineage=recorded("profiles", "columns")),
        Field("change", "Change", lineage=recorded("profiles", "columns")),
    )
    rows = [
        (asset, one.column or "all rows", f"{one.kind}: {one.change}")
        for asset, found in changes.items()
        for one in found
    ]
    return _section(
        "Changed columns",
        "Columns whose content differs notably from the materialization before.",
        table_of(fields, rows),
        empty="No column changed notably since the materialization before.",
    )


def _quarantine(entries: Sequence[QuarantineEntry]) -> Section:
    fields = (
        Field("table", "Table", lineage=recorded("quarantine", "table")),
        Field("partition", "Partition", lineage=recorded("quarantine", "partition")),
        Field("origin", "Origin", lineage=recorded("quarantine", "origin")),
        Field("rows", "Rows", Style.INTEGER, lineage=recorded("quarantine", "rows")),
        Field("reason", "Reason", lineage=recorded("quarantine", "reason")),
        Field(
            "since",
            "Since",
            Style.INSTANT,
            lineage=recorded("quarantine", "created_at"),
        ),
        Field("id", "Entry", lineage=recorded("quarantine", "id")),
    )
    rows = [
        (
            entry.table,
            entry.partition or "whole table",
            entry.origin,
            entry.rows,
            entry.reason,
            entry.created_at.isoformat(),
            entry.id,
        )
        for entry in sorted(entries, key=lambda entry: (entry.table, entry.created_at))
    ]
    return _section(
        "Quarantine",
        "Rows and files kept aside because they break their contract; nothing of them "
        "is in the figures above, and nothing is lost.",
        table_of(fields, rows),
        empty="Nothing is in quarantine.",
    )


def _section(title: str, text: str, table: Table, *, empty: str) -> Section:
    anchor = f"quality-{anchor_of(title)}"
    if not table.rows:
        return Section(CHAPTER, anchor, title, text, notes=(empty,))
    return Section(CHAPTER, anchor, title, text, table=table)


def _by_check(verdicts: Sequence[Verdict]) -> dict[_CheckKey, list[Verdict]]:
    found: dict[_CheckKey, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        found[verdict.asset, verdict.check].append(verdict)
    return dict(found)


def _all_passed(verdicts: Sequence[Verdict]) -> bool:
    return all(verdict.passed for verdict in verdicts)


def _partitions_text(partitions: Sequence[str]) -> str:
    if not partitions:
        return "all"
    return partitions[0] if len(partitions) == 1 else f"{len(partitions)} of them"
