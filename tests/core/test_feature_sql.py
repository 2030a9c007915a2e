"""Point-in-time features on DuckDB against the brute-force oracle."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta

import duckdb
import pytest
import sqlglot

from analytics_platform.adapters.duckdb_warehouse import DuckDBSession
from analytics_platform.contracts.domain import Aggregate, FeatureSpec
from analytics_platform.core.feature_sql import Period, point_in_time_sql
from tests.support.feature_histories import (
    SPINE,
    START,
    SpineRow,
    add_events,
    view_of,
    write_tables,
)
from tests.support.feature_oracle import HistoryRow
from tests.support.feature_parity import EVER, check_random_histories, features_of

ANN = (1, "ann")
TYPES = {
    "history": "BIGINT",
    "customer": "VARCHAR",
    "happened_at": "TIMESTAMP",
    "known_at": "TIMESTAMP",
    "amount": "INTEGER",
    "ratio": "DOUBLE",
}


@pytest.fixture
def session() -> Iterator[DuckDBSession]:
    with _session() as opened:
        yield opened


@contextmanager
def _session() -> Iterator[DuckDBSession]:
    connection = duckdb.connect(config={"threads": 2})
    try:
        yield DuckDBSession(connection)
    finally:
        connection.close()


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def event(
    happened: float, known: float | None = None, amount: int | None = 1
) -> HistoryRow:
    return HistoryRow(
        ANN,
        at(happened),
        at(happened if known is None else known),
        amount,
        0.5,
        True,
        "a",
    )


def feature(aggregate: Aggregate, length: int = 10, lag: int = 0) -> FeatureSpec:
    return FeatureSpec(
        name=f"{aggregate}_amount",
        description="Of the amounts.",
        aggregate=aggregate,
        expression="amount",
        length=timedelta(minutes=length),
        lag=timedelta(minutes=lag),
    )


def value_at(
    session: DuckDBSession,
    cutoff: float,
    events: list[HistoryRow],
    spec: FeatureSpec,
) -> object:
    """The one feature of one order whose cut-off is that many minutes after START."""
    due = at(cutoff) + SPINE.ahead
    write_tables(session, events, [SpineRow(1, ANN, due, due.date())])
    [row] = features_of(session, view_of([spec]), "duckdb")
    return row[-1]


@pytest.mark.parametrize("seed", range(25))
def test_two_hundred_random_histories_equal_the_oracle(
    session: DuckDBSession, seed: int
) -> None:
    assert check_random_histories(session, "duckdb", seed=seed, histories=200) == []


# The window of a cut-off at minute 20, length 10, lag 0:   (10 ------------- 20]
@pytest.mark.parametrize(
    ("happened", "counted"), [(10, 0), (10.01, 1), (20, 1), (20.01, 0)]
)
def test_window_is_open_at_its_start_and_closed_at_its_end(
    session: DuckDBSession, happened: float, counted: int
) -> None:
    count = feature(Aggregate.COUNT)
    assert value_at(session, 20, [event(happened)], count) == counted


# With a lag of 5 minutes:   (5 ------------- 15] ..... 20
@pytest.mark.parametrize(("happened", "counted"), [(5, 0), (6, 1), (15, 1), (15.01, 0)])
def test_lag_moves_the_window_back(
    session: DuckDBSession, happened: float, counted: int
) -> None:
    count = feature(Aggregate.COUNT, lag=5)
    assert value_at(session, 20, [event(happened)], count) == counted


@pytest.mark.parametrize(("known", "counted"), [(20, 1), (20.01, 0), (25, 0)])
def test_row_known_after_the_cutoff_is_not_seen(
    session: DuckDBSession, known: float, counted: int
) -> None:
    count = feature(Aggregate.COUNT)
    assert value_at(session, 20, [event(15, known)], count) == counted


def test_row_known_only_after_its_window_has_passed_is_never_seen(
    session: DuckDBSession,
) -> None:
    events = [event(15, 40)]
    for cutoff in (20, 24, 26, 39, 40, 41, 60):
        assert value_at(session, cutoff, events, feature(Aggregate.COUNT)) == 0


@pytest.mark.parametrize(
    ("aggregate", "empty"),
    [(Aggregate.COUNT, 0), *((a, None) for a in Aggregate if a is not Aggregate.COUNT)],
)
def test_empty_window_gives_null_and_count_gives_zero(
    session: DuckDBSession, aggregate: Aggregate, empty: object
) -> None:
    assert value_at(session, 20, [], feature(aggregate)) == empty


def test_latest_of_equal_event_times_is_the_one_known_last_then_the_greatest(
    session: DuckDBSession,
) -> None:
    latest = feature(Aggregate.LATEST)
    corrected = [event(15, 15, amount=9), event(15, 16, amount=3)]
    assert value_at(session, 20, corrected, latest) == 3
    tied = [event(15, 16, amount=3), event(15, 16, amount=4)]
    assert value_at(session, 20, tied, latest) == 4


def test_correction_known_after_the_cutoff_leaves_the_first_value(
    session: DuckDBSession,
) -> None:
    events = [event(15, 15, amount=9), event(15, 21, amount=3)]
    assert value_at(session, 20, events, feature(Aggregate.LATEST)) == 9
    assert value_at(session, 21, events, feature(Aggregate.LATEST)) == 3


def test_later_knowledge_leaves_rows_of_old_cutoffs_as_they_were(
    session: DuckDBSession,
) -> None:
    specs = [feature(aggregate) for aggregate in Aggregate]
    spine = [
        SpineRow(index, ANN, at(index), date(2024, 2, 28)) for index in range(5, 30)
    ]
    events = [event(minute, minute + 1, amount=minute) for minute in range(25)]
    write_tables(session, events, spine)
    before = features_of(session, view_of(specs), "duckdb")
    add_events(session, [event(minute, 31, amount=99) for minute in range(25)])
    assert features_of(session, view_of(specs), "duckdb") == before


# Cut-offs:        2      8.5  9     |  big is in (0.5, 8.5], gone from (1, 9]
# Happened:    1 big     8 small     |  as doubles, 1e15 / 3 + 0.1 - 1e15 / 3 is 0.125
def test_sums_leave_nothing_behind_after_large_values_have_gone(
    session: DuckDBSession,
) -> None:
    spec = feature(Aggregate.MEAN, length=8).model_copy(update={"expression": "ratio"})
    big = HistoryRow(ANN, at(1), at(1), 1, 1e15 / 3, True, "a")
    small = HistoryRow(ANN, at(8), at(8), 1, 0.1, True, "a")
    spine = [
        SpineRow(index, ANN, at(minute) + SPINE.ahead, at(minute).date())
        for index, minute in enumerate((2, 8.5, 9))
    ]
    write_tables(session, [big, small], spine)
    values = [row[-1] for row in features_of(session, view_of([spec]), "duckdb")]
    assert values[2] == 0.1


def test_period_limits_the_rows_but_not_what_they_see(session: DuckDBSession) -> None:
    spine = [SpineRow(i, ANN, at(i) + SPINE.ahead, at(i).date()) for i in (5, 15)]
    write_tables(session, [event(4), event(12)], spine)
    view = view_of([feature(Aggregate.COUNT, length=20)])
    first_of_leap_day = Period(date(2024, 2, 29), date(2024, 3, 1))
    [row] = features_of(session, view, "duckdb", first_of_leap_day)
    assert (row[0], row[-1]) == (15, 2)


def test_same_input_in_another_order_gives_identical_rows(
    session: DuckDBSession,
) -> None:
    specs = [
        feature(aggregate).model_copy(update={"expression": "ratio / 7"})
        for aggregate in Aggregate
    ]
    events = [
        HistoryRow(ANN, at(i % 9), at(i % 11), i, i / 3, True, "a") for i in range(200)
    ]
    spine = [SpineRow(i, ANN, at(i), at(i).date()) for i in range(20)]
    write_tables(session, events, spine)
    forwards = features_of(session, view_of(specs), "duckdb")
    write_tables(session, events[::-1], spine[::-1])
    assert features_of(session, view_of(specs), "duckdb") == forwards


@pytest.mark.parametrize("dialect", ["postgres", "snowflake", "bigquery", "redshift"])
def test_query_is_written_and_read_back_in_every_dialect(dialect: str) -> None:
    specs = [feature(aggregate) for aggregate in Aggregate]
    sql = point_in_time_sql(view_of(specs), SPINE, TYPES, period=EVER, dialect=dialect)
    again = sqlglot.parse_one(sql, dialect=dialect)
    assert isinstance(again, sqlglot.exp.Query)
    assert [name.lower() for name in again.named_selects] == [
        *("order_id", "history", "customer", "cutoff", "partition_date"),
        *(spec.name for spec in specs),
    ]
