"""Prints which failed checks the data explains and which are new."""

from collections.abc import Iterable

from rich.console import Console

from analytics_platform.contracts.domain import Severity
from analytics_platform.contracts.records import Verdict
from analytics_platform.core.quality import News, Notice, review

_SEVERITIES = {Severity.ERROR: "error", Severity.WARN: "warning"}


def print_review(
    console: Console,
    current: Iterable[Verdict],
    previous: Iterable[Verdict],
) -> None:
    """One line per failed check: expected by the data, with the reason, or new."""
    notices = review(current, previous)
    if not notices:
        console.print("Every check passed.")
        return
    console.print("Checks that did not pass:")
    for notice in notices:
        news = "[red]new[/]     " if notice.news is News.NEW else "expected"
        console.print(
            f"  {news} {notice.asset} {notice.check}: {_extent(notice)}. "
            f"{_explanation(notice)}",
            soft_wrap=True,
            highlight=False,
        )


def _extent(notice: Notice) -> str:
    rows = f"{notice.failing_rows:,} of {notice.total_rows:,} rows"
    if not notice.total_rows:
        rows = "there was nothing to judge"
    keys = [key for key in notice.partitions if key]
    if len(keys) > 1:
        return f"{rows} in {len(keys)} partitions from {keys[0]} to {keys[-1]}"
    return f"{rows} in {keys[0]}" if keys else rows


def _explanation(notice: Notice) -> str:
    if notice.news is News.EXPECTED:
        return f"Expected by the data: {notice.because or 'a documented defect.'}"
    again = " as in the run before" if notice.repeated else ""
    return f"A new {_SEVERITIES[notice.severity]}{again}."
