"""Verdicts from outcomes, known defects, and what is news."""

from datetime import UTC, datetime

import pytest

from analytics_platform.contracts.domain import Expectation, Severity
from analytics_platform.contracts.records import Verdict
from analytics_platform.core.quality import (
    News,
    Outcome,
    is_known_defect,
    not_evaluated,
    red_partitions,
    review,
    verdicts,
    was_evaluated,
)

AT = datetime(2013, 6, 1, tzinfo=UTC)


def expectation(
    rate: float | None = None,
    *,
    worst: float | None = None,
    severity: Severity = Severity.ERROR,
    blocking: bool = True,
) -> Expectation:
    return Expectation(
        name="price_not_null",
        type="expect_column_values_to_not_be_null",
        arguments={"column": "price"},
        severity=severity,
        blocking=blocking,
        description="Every order has a price.",
        expected_failure_rate=rate,
        expected_failure_rate_max=worst,
        because="Gifts have no price.",
    )


def outcome(
    failing: int, total: int = 1_000, *, partition: str | None = "2013-03-01"
) -> Outcome:
    return Outcome(
        check="price_not_null",
        partition=partition,
        passed=failing == 0,
        failing_rows=failing,
        total_rows=total,
    )


def judge(found: Outcome, declared: Expectation) -> Verdict:
    (one,) = verdicts(
        [found], [declared], asset="raw/orders", run_id="run", evaluated_at=AT
    )
    return one


def test_a_failed_error_is_red_and_blocks() -> None:
    found = judge(outcome(1), expectation())
    assert (found.is_red, found.blocks, found.known_defect) == (True, True, False)


def test_a_failed_error_that_does_not_block_is_red_and_blocks_nothing() -> None:
    found = judge(outcome(1), expectation(blocking=False))
    assert (found.is_red, found.blocks) == (True, False)


def test_a_failed_warning_is_not_red() -> None:
    found = judge(outcome(1), expectation(severity=Severity.WARN))
    assert (found.is_red, found.blocks) == (False, False)


def test_a_known_defect_at_its_rate_is_a_warning_whatever_was_declared() -> None:
    found = judge(outcome(20), expectation(0.02))
    assert found.known_defect
    assert (found.passed, found.severity, found.blocks) == (False, Severity.WARN, False)


def test_a_known_defect_beyond_its_rate_is_what_was_declared() -> None:
    found = judge(outcome(100), expectation(0.02))
    assert (found.known_defect, found.blocks) == (False, True)


# n = 1,000, p = 0.02: 20 + 3.29 * sqrt(1,000 * 0.02 * 0.98) + 1 = 35.57
@pytest.mark.parametrize(("failing", "known"), [(1, True), (35, True), (36, False)])
def test_the_bound_is_the_binomial_one(failing: int, *, known: bool) -> None:
    assert is_known_defect(outcome(failing), expectation(0.02)) is known


# p = 0.05: 50 + 3.29 * sqrt(1,000 * 0.05 * 0.95) + 1 = 73.67
@pytest.mark.parametrize(("failing", "known"), [(73, True), (74, False)])
def test_the_worst_documented_share_counts_for_a_partition(
    failing: int, *, known: bool
) -> None:
    declared = expectation(0.02, worst=0.05)
    assert is_known_defect(outcome(failing), declared) is known


def test_one_bad_row_among_few_may_be_chance() -> None:
    assert is_known_defect(outcome(1, total=3), expectation(0.02))
    assert not is_known_defect(outcome(3, total=3), expectation(0.02))


def test_a_check_that_passed_or_could_not_be_evaluated_is_no_known_defect() -> None:
    assert not is_known_defect(outcome(0), expectation(0.02))
    broken = Outcome("price_not_null", None, False, 0, 1_000)
    assert not is_known_defect(broken, expectation(0.02))


def test_what_an_error_kept_from_being_judged_does_not_hold() -> None:
    error = ValueError("no such function\nLINE 1")
    declared = expectation(rate=1.0)
    found = not_evaluated([declared], ["2013-03-01", None], error)
    assert [one.partition for one in found] == ["2013-03-01", None]
    judged = [judge(one, declared) for one in found]
    assert all(one.blocks and not was_evaluated(one) for one in judged)
    assert judged[0].detail == "Cannot be evaluated: no such function"
    assert was_evaluated(judge(outcome(3), declared))
    assert was_evaluated(judge(outcome(0), declared))


def test_an_error_without_a_message_is_named() -> None:
    (found,) = not_evaluated([expectation()], [None], KeyboardInterrupt())
    assert found.detail == "Cannot be evaluated: KeyboardInterrupt"


def test_without_a_documented_rate_nothing_is_known() -> None:
    assert not is_known_defect(outcome(1), expectation())


def test_red_partitions_name_the_blocking_checks_only() -> None:
    judged = [
        judge(outcome(1), expectation()),
        judge(outcome(1, partition="2013-04-01"), expectation(blocking=False)),
        judge(outcome(0, partition="2013-05-01"), expectation()),
    ]
    assert red_partitions(judged) == {"2013-03-01": ["price_not_null"]}


def test_a_review_says_expected_with_the_reason_or_new() -> None:
    judged = [
        judge(outcome(20, partition="2013-01-01"), expectation(0.02)),
        judge(outcome(18, partition="2013-02-01"), expectation(0.02)),
        judge(outcome(90, partition="2013-03-01"), expectation(0.02)),
        judge(outcome(0, partition="2013-04-01"), expectation(0.02)),
    ]
    new, known = review(judged)
    assert (new.news, new.partitions, new.because) == (News.NEW, ("2013-03-01",), None)
    assert (known.news, known.partitions) == (
        News.EXPECTED,
        ("2013-01-01", "2013-02-01"),
    )
    assert known.because == "Gifts have no price."
    assert (known.failing_rows, known.total_rows) == (38, 2_000)


def test_a_failure_of_the_run_before_is_repeated() -> None:
    march = judge(outcome(5), expectation())
    april = judge(outcome(5, partition="2013-04-01"), expectation())
    (again,) = review([march], [march])
    (first,) = review([march, april], [march])
    assert (again.repeated, first.repeated) == (True, False)


def test_a_review_of_green_checks_is_empty() -> None:
    assert review([judge(outcome(0), expectation())]) == []
