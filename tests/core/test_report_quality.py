"""The quality chapter tells news from what the data is known for."""

import pytest

from analytics_platform.contracts.domain import Severity
from analytics_platform.core.report_quality import (
    badge_of,
    badge_text,
    quality_sections,
)
from analytics_platform.core.reports import Badge, Section
from tests.support.reports import quality, verdict


def sections() -> dict[str, Section]:
    found = quality()
    return {
        section.anchor: section
        for section in quality_sections(found.verdicts, found.changes, found.quarantine)
    }


@pytest.mark.parametrize(
    ("severity", "known_defect", "expected"),
    [
        (Severity.ERROR, False, Badge.RED),
        (Severity.WARN, False, Badge.WARNING),
        (Severity.WARN, True, Badge.GREEN),
    ],
)
def test_the_badge_shows_only_what_the_data_does_not_explain(
    severity: Severity, *, known_defect: bool, expected: Badge
) -> None:
    failed = verdict("c", passed=False, severity=severity, known_defect=known_defect)
    assert badge_of([verdict("green"), failed]) is expected


def test_nothing_checked_is_nothing_proven() -> None:
    assert badge_of([]) is Badge.WARNING


def test_the_badge_text_counts_checks_not_verdicts() -> None:
    verdicts = [verdict("a", partition=f"2024-0{month}-01") for month in range(1, 4)]
    assert badge_text([*verdicts, *quality().verdicts]) == (
        "4 checks, 2 green, 1 expected by the data, 1 new"
    )
    assert badge_text([]) == "no checks have run"


def test_failed_checks_come_with_their_reason_new_ones_first() -> None:
    table = sections()["quality-failed-checks"].table
    assert table is not None
    assert table.values("verdict") == ("new warn", "expected by the data")
    assert table.values("reason") == (
        "2 rows wait longer than a day",
        "Old shops are not listed.",
    )
    assert table.values("share") == (0.002, 0.149)


def test_assets_are_tallied_by_verdict() -> None:
    table = sections()["quality-checks-by-asset"].table
    assert table is not None
    assert table.rows == (("raw/orders", 3, 3, 1, 1, 1, 0),)


def test_quarantine_and_changes_are_listed() -> None:
    found = sections()
    quarantined, changed = (
        found["quality-quarantine"].table,
        found["quality-changed-columns"].table,
    )
    assert quarantined is not None
    assert changed is not None
    assert quarantined.values("partition") == ("whole table",)
    assert changed.values("change") == ("null share: 0 % → 12 %",)


def test_nothing_to_tell_is_told() -> None:
    notes = [section.notes for section in quality_sections([], {}, [])]
    assert notes == [
        ("No checks have run.",),
        ("Every check is green.",),
        ("No column changed notably since the materialization before.",),
        ("Nothing is in quarantine.",),
    ]


def test_many_partitions_are_told_by_their_number() -> None:
    failed = [
        verdict("c", partition=f"2024-0{month}-01", passed=False)
        for month in range(1, 6)
    ]
    for chosen, told in ((failed, "5 of them"), (failed[:1], "2024-01-01")):
        table = quality_sections(chosen, {}, [])[1].table
        assert table is not None
        assert table.values("partitions") == (told,)
