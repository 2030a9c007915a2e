"""Reports are kept once, whole, and can be read back as values."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from analytics_platform.adapters.artifacts import ArtifactStore
from analytics_platform.adapters.report_store import ReportStore
from analytics_platform.core.reports import to_plain
from analytics_platform.errors import NotFound
from tests.support.reports import sample_report

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def reports(tmp_path: Path) -> ReportStore:
    return ReportStore(ArtifactStore(str(tmp_path / "artifacts")))


def test_page_and_values_are_stored_together(reports: ReportStore) -> None:
    report = sample_report()
    stored = reports.publish(report, "<p>page</p>", at=AT)
    assert stored.page.read_text() == "<p>page</p>"
    assert stored.page_sha256 == hashlib.sha256(b"<p>page</p>").hexdigest()
    values = reports.values("orders", stored.version)
    assert values["title"] == to_plain(report)["title"]


def test_the_same_report_is_stored_once(reports: ReportStore) -> None:
    one = reports.publish(sample_report(), "page", at=AT)
    two = reports.publish(sample_report(), "page", at=AT + timedelta(hours=1))
    assert one == two
    assert reports.versions("orders") == [one.version]


def test_versions_sort_by_the_datas_instant(reports: ReportStore) -> None:
    report = sample_report()
    later = replace(report, as_of=report.as_of + timedelta(days=1))
    second = reports.publish(later, "page", at=AT)
    first = reports.publish(report, "page", at=AT)
    assert reports.versions("orders") == [first.version, second.version]


def test_the_oldest_go_when_there_are_many(reports: ReportStore) -> None:
    report = sample_report()
    made = [
        reports.publish(
            replace(report, as_of=report.as_of + timedelta(days=day)), "page", at=AT
        ).version
        for day in range(32)
    ]
    assert reports.versions("orders") == made[2:]


def test_an_unknown_version_is_not_found(reports: ReportStore) -> None:
    with pytest.raises(NotFound):
        reports.find("orders", "none")
