"""Prints which failed checks the data explains and which are new."""

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from analytics_platform.contracts.domain import Domain
from analytics_platform.contracts.records import Verdict
from analytics_platform.core.quality import News, Notice, review


def print_review(
    console: Console,
    domain: Domain,
    current: Iterable[Verdict],
    previous: Iterable[Verdict],
) -> None:
    """One line per failed check: expected by the data, with the reason, or new."""
    notices = review(current, previous, reasons=documented_reasons(domain))
    if not notices:
        console.print("Every check passed.")
        return
    table = Table(title="Checks that did not pass")
    for column in ("asset", "check", "news", "rows", "partitions"):
        table.add_column(column, justify="right" if column == "rows" else "left")
    for notice in notices:
        table.add_row(
            notice.asset,
            notice.check,
            _news(notice),
            f"{notice.failing_rows:,} of {notice.total_rows:,}",
            _partitions(notice),
        )
    console.print(table)


def documented_reasons(domain: Domain) -> dict[tuple[str, str], str]:
    """Why a documented defect is in the data, by asset and check."""
    return {
        (f"raw/{table.name}", expectation.name): expectation.because
        for table in domain.tables
        for expectation in table.expectations
        if expectation.because
    }


def _news(notice: Notice) -> str:
    if notice.news is News.EXPECTED:
        return f"expected by the data: {notice.because or 'documented'}"
    again = " (as before)" if notice.repeated else ""
    return f"[red]new{again}[/], {notice.severity.value}"


def _partitions(notice: Notice) -> str:
    keys = [key for key in notice.partitions if key]
    if len(keys) <= 3:
        return ", ".join(keys)
    return f"{keys[0]} … {keys[-1]} ({len(keys)})"
