"""The rules of a load: scope, contract check, red parts."""

from datetime import UTC, date, datetime

from analytics_platform.contracts.domain import Partitions, Severity
from analytics_platform.contracts.records import Scalar, Verdict
from analytics_platform.core.contract_gate import Scope
from analytics_platform.core.ingestion import (
    DayCounts,
    contract_check,
    contract_outcomes,
    corrections_of,
    count_parts,
    cursor_of,
    first_samples,
    is_partitioned,
    reasons,
    scope_of,
)
from tests.support.ingestion import dropped, from_sql, orders

YEAR = Partitions(start=date(2013, 1, 1), end=date(2014, 1, 1))
NOW = datetime(2013, 7, 1, tzinfo=UTC)
JAN, FEB = date(2013, 1, 1), date(2013, 2, 1)


def test_a_load_is_about_its_partitions_and_what_is_known() -> None:
    scope = scope_of(orders(), YEAR, ["2013-02-01", "2013-03-01"], NOW)
    assert scope == Scope(FEB, date(2013, 4, 1), NOW, "month", "ignore")


def test_what_was_dropped_is_known_and_must_be_inside_the_domain() -> None:
    scope = scope_of(dropped(), YEAR, None, NOW)
    assert scope == Scope(YEAR.start, YEAR.end, None, "month", "refuse")


def test_only_a_merged_table_is_read_by_its_cursor() -> None:
    assert cursor_of(from_sql()) == "ordered_at"
    assert cursor_of(from_sql(write="replace")) is None
    assert cursor_of(orders()) is None


def test_an_inbox_is_loaded_whole() -> None:
    assert is_partitioned(orders())
    assert not is_partitioned(dropped())
    assert not is_partitioned(orders(partition_date=None))


def test_a_bad_row_blocks_where_partitions_are_replaced_only() -> None:
    assert contract_check(orders()).blocking
    assert not contract_check(dropped()).blocking
    assert contract_check(dropped()).severity is Severity.ERROR


def test_rows_are_counted_by_part_or_as_a_whole() -> None:
    batches: list[tuple[DayCounts, DayCounts]] = [
        ({JAN: 3, None: 1}, {None: 1}),
        ({JAN: 2, FEB: 5}, {FEB: 1}),
    ]
    by_part = count_parts(batches, ["2013-01-01", "2013-02-01"])
    assert by_part.rows == {"2013-01-01": 5, "2013-02-01": 5, None: 1}
    assert by_part.failing == {"2013-02-01": 1, None: 1}
    whole = count_parts(batches, [None])
    assert (whole.rows, whole.failing) == ({None: 11}, {None: 2})
    (outcome,) = contract_outcomes(whole, [None], {})
    assert not outcome.passed
    assert outcome.detail == "2 of 11 rows break the contract."


def test_samples_are_limited_by_part() -> None:
    batches: list[dict[date | None, list[dict[str, Scalar]]]] = [
        {JAN: [{"n": n} for n in range(4)]},
        {JAN: [{"n": 9}], FEB: [{"n": 7}]},
    ]
    found = first_samples(batches, ["2013-01-01", "2013-02-01"], limit=3)
    assert found == {
        "2013-01-01": ({"n": 0}, {"n": 1}, {"n": 2}),
        "2013-02-01": ({"n": 7},),
    }


def test_red_parts_tell_which_checks_said_so() -> None:
    judged = [
        verdict("2013-01-01", "contract", passed=False),
        verdict("2013-01-01", "few", passed=False),
        verdict("2013-02-01", "contract", passed=True),
        verdict("2013-03-01", "contract", passed=False, blocking=False),
    ]
    assert reasons(judged, ["2013-01-01", "2013-02-01", "2013-03-01"]) == {
        "2013-01-01": "contract: 1 row few: 1 row"
    }


def test_corrections_are_found_by_what_they_correct() -> None:
    tables = [orders(), dropped(), from_sql()]
    assert [one.name for one in corrections_of(orders(), tables)] == ["corrections"]
    assert corrections_of(dropped(), tables) == []


def verdict(
    partition: str, check: str, *, passed: bool, blocking: bool = True
) -> Verdict:
    return Verdict(
        asset="raw/orders",
        partition=partition,
        check=check,
        passed=passed,
        severity=Severity.ERROR,
        blocking=blocking,
        failing_rows=1,
        total_rows=2,
        detail="1 row",
        run_id="r",
        evaluated_at=NOW,
    )
