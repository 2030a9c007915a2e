"""Turns what checks found into verdicts, and says which of them are news."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import sqrt

from analytics_platform.contracts.domain import Expectation, Severity
from analytics_platform.contracts.records import Scalar, Verdict

# One-sided normal quantile of 1 in 2,000: with some 200 documented checks a run, a
# defect at its documented rate is called new once in ten runs of all of them.
_DEVIATIONS = 3.29
NOT_EVALUATED = "Cannot be evaluated"


@dataclass(frozen=True)
class Outcome:
    """What one check found in one partition (None: in the whole relation).

    `samples` are at most ten failing rows, personal columns masked. `failing_rows` is 0
    for a check that holds, and for one that judges a figure (a row count, a mean) or
    could not be evaluated; `detail` says what it saw.
    """

    check: str
    partition: str | None
    passed: bool
    failing_rows: int
    total_rows: int
    samples: tuple[dict[str, Scalar], ...] = ()
    detail: str = ""


def verdicts(
    outcomes: Iterable[Outcome],
    expectations: Iterable[Expectation],
    *,
    asset: str,
    run_id: str,
    evaluated_at: datetime,
) -> list[Verdict]:
    """One verdict per outcome, judged by the expectation of the same name.

    A failure that the data explains (`is_known_defect`) is a warning that blocks
    nothing, whatever the declared severity.
    """
    declared = {expectation.name: expectation for expectation in expectations}
    return [
        _verdict(outcome, declared[outcome.check], asset, run_id, evaluated_at)
        for outcome in outcomes
    ]


def is_known_defect(outcome: Outcome, expectation: Expectation) -> bool:
    """Whether a failure is the one that the declaration documents.

    It is, while the failing rows do not exceed what the documented share p of n rows
    gives: n p + 3.29 sqrt(n p (1 - p)) + 1, the normal bound of a binomial count. p is
    the highest documented share, since real defects cluster (storms cancel departures):
    `expected_failure_rate_max`, else `expected_failure_rate`. Fewer failing rows than
    documented are no news. A check that could not be evaluated is never explained.
    """
    share = expectation.expected_failure_rate_max or expectation.expected_failure_rate
    if outcome.passed or not outcome.failing_rows or share is None:
        return False
    rows = outcome.total_rows
    bound = rows * share + _DEVIATIONS * sqrt(rows * share * (1 - share)) + 1
    return outcome.failing_rows <= bound


class News(StrEnum):
    """Whether a failed check was to be expected."""

    EXPECTED = "expected by the data"
    NEW = "new"


@dataclass(frozen=True)
class Notice:
    """A failed check of one asset, over the partitions that share its news.

    `repeated`: each of them failed in the run before too. `because` is the documented
    reason, of an expected one.
    """

    asset: str
    check: str
    news: News
    severity: Severity
    partitions: tuple[str, ...]
    failing_rows: int
    total_rows: int
    repeated: bool
    because: str | None = None


def review(
    current: Iterable[Verdict], previous: Iterable[Verdict] = ()
) -> list[Notice]:
    """Every failed check, new ones first, then by severity, asset and check.

    `previous` are the verdicts of the run before.
    """
    failed_before = {_key(verdict) for verdict in previous if not verdict.passed}
    groups: dict[tuple[str, str, News, Severity], list[Verdict]] = {}
    for verdict in current:
        if not verdict.passed:
            news = News.EXPECTED if verdict.known_defect else News.NEW
            key = (verdict.asset, verdict.check, news, verdict.severity)
            groups.setdefault(key, []).append(verdict)
    notices = [_notice(key, members, failed_before) for key, members in groups.items()]
    return sorted(
        notices,
        key=lambda one: (
            one.news is News.EXPECTED,
            one.severity is Severity.WARN,
            one.asset,
            one.check,
        ),
    )


def not_evaluated(
    expectations: Sequence[Expectation],
    parts: Iterable[str | None],
    error: BaseException,
) -> list[Outcome]:
    """Outcomes of checks that an error kept from being evaluated: none of them holds.

    What nobody judged is not known to be good.
    """
    why = (str(error).strip() or type(error).__name__).splitlines()[0]
    return [
        Outcome(
            expectation.name,
            part,
            passed=False,
            failing_rows=0,
            total_rows=0,
            detail=f"{NOT_EVALUATED}: {why}",
        )
        for part in parts
        for expectation in expectations
    ]


def was_evaluated(verdict: Verdict) -> bool:
    """Whether the check said something, be it good or bad."""
    return verdict.passed or not verdict.detail.startswith(NOT_EVALUATED)


def red_partitions(judged: Iterable[Verdict]) -> dict[str | None, list[str]]:
    """Partitions that may not be read, with the names of the checks that say so."""
    red: dict[str | None, list[str]] = {}
    for verdict in judged:
        if verdict.blocks:
            red.setdefault(verdict.partition, []).append(verdict.check)
    return red


def _verdict(
    outcome: Outcome,
    expectation: Expectation,
    asset: str,
    run_id: str,
    evaluated_at: datetime,
) -> Verdict:
    known = is_known_defect(outcome, expectation)
    return Verdict(
        asset=asset,
        partition=outcome.partition,
        check=outcome.check,
        passed=outcome.passed,
        severity=Severity.WARN if known else expectation.severity,
        blocking=expectation.blocking and not known,
        failing_rows=outcome.failing_rows,
        total_rows=outcome.total_rows,
        known_defect=known,
        detail=(known and expectation.because) or outcome.detail,
        samples=outcome.samples,
        run_id=run_id,
        evaluated_at=evaluated_at,
    )


def _key(verdict: Verdict) -> tuple[str, str | None, str]:
    return verdict.asset, verdict.partition, verdict.check


def _notice(
    key: tuple[str, str, News, Severity],
    members: Sequence[Verdict],
    failed_before: set[tuple[str, str | None, str]],
) -> Notice:
    asset, check, news, severity = key
    return Notice(
        asset=asset,
        check=check,
        news=news,
        severity=severity,
        partitions=tuple(sorted(one.partition for one in members if one.partition)),
        failing_rows=sum(one.failing_rows for one in members),
        total_rows=sum(one.total_rows for one in members),
        repeated=all(_key(one) in failed_before for one in members),
        # A verdict on a known defect carries the documented reason as its detail.
        because=(members[0].detail or None) if news is News.EXPECTED else None,
    )
