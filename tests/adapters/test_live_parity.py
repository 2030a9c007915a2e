"""Live windows judged by the mart: equal, tampered with, late, repeated, or absent."""

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from analytics_platform.adapters.control_store.migrations import migrate
from analytics_platform.adapters.duckdb_warehouse import DuckDBWarehouse
from analytics_platform.adapters.live_parity import Judgement, Subject, audit_parity
from analytics_platform.adapters.warehouse import Warehouse
from analytics_platform.contracts.domain import Severity
from analytics_platform.settings import Settings
from tests.support.live_runs import (
    MINUTE,
    SHAPES,
    START,
    STREAM,
    LiveRun,
    Return,
    live_window,
    returns,
    semantics,
)

WINDOWS = [live_window(shape) for shape in SHAPES]
LATER = datetime(2024, 1, 1, tzinfo=UTC)  # so that no time-out is known to be over


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return DuckDBWarehouse(Settings(home=tmp_path))


@pytest.fixture
def url(tmp_path: Path) -> str:
    found = f"sqlite:///{tmp_path / 'stream.sqlite'}"
    migrate(found)
    return found


def judged(
    warehouse: Warehouse, run: LiveRun, metrics: dict[str, Any] | None = None
) -> dict[str, Judgement]:
    subject = Subject(STREAM, WINDOWS, metrics or run.metrics)
    found = audit_parity(warehouse, run.url, subject, now=LATER)
    return {one.window: one for one in found}


def streamed(warehouse: Warehouse, run: LiveRun) -> LiveRun:
    run.stream(*WINDOWS)
    with warehouse.session() as session:
        run.load(session)
    return run


def change(warehouse: Warehouse, sql: str) -> None:
    with warehouse.session() as session:
        session.execute(sql)


def test_every_shape_of_window_equals_the_mart(warehouse: Warehouse, url: str) -> None:
    run = streamed(warehouse, LiveRun(url, returns(2_000)))
    for name, one in judged(warehouse, run).items():
        assert one.parity.first == (), name
        assert one.passed
        assert one.parity.with_late == one.parity.with_repeats == 0
        assert one.parity.compared > (2 if name == "calendar_day" else 100)
        assert one.parity.unstated == ()


def test_late_events_are_counted_in(warehouse: Warehouse, url: str) -> None:
    run = streamed(warehouse, LiveRun(url, returns(2_000, late_share=0.02)))
    for name, one in judged(warehouse, run).items():
        assert one.parity.first == (), name
        assert one.parity.compared > one.parity.with_late > 0 or name == "calendar_day"


def test_events_sent_twice_do_not_make_a_difference(
    warehouse: Warehouse, url: str
) -> None:
    sent = returns(1_000)
    again = [*sent[:400], *sent[300:]]
    run = streamed(warehouse, LiveRun(url, again))
    for name, one in judged(warehouse, run).items():
        assert one.parity.first == (), name
        assert one.parity.with_repeats > 0 or name == "calendar_day"
        assert one.passed


@pytest.mark.parametrize("shape", SHAPES)
def test_a_row_that_the_stream_never_saw_is_a_difference(
    warehouse: Warehouse, url: str, shape: str
) -> None:
    run = streamed(warehouse, LiveRun(url, returns(1_000)))
    change(
        warehouse,
        "insert into marts.fct_rentals "
        "select 9999, station_code, returned_at_utc, 5 from marts.fct_rentals "
        "where returned_at_utc > timestamp '2010-09-10 12:00' "
        "order by returned_at_utc limit 1",
    )
    found = judged(warehouse, run)[shape]
    assert not found.passed
    assert {one.figure for one in found.parity.first} == {"count"}
    assert all(one.mart == (one.live or 0) + 1 for one in found.parity.first)


@pytest.mark.parametrize(
    ("minutes", "metrics"),
    [
        ("100", {"mean_duration_minutes", "total_minutes", "longest"}),
        ("null", {"returned_rentals", "mean_duration_minutes", "total_minutes"}),
    ],
)
def test_a_tampered_value_is_a_difference_of_what_it_enters(
    warehouse: Warehouse, url: str, minutes: str, metrics: set[str]
) -> None:
    run = streamed(warehouse, LiveRun(url, returns(1_000)))
    change(
        warehouse,
        f"update marts.fct_rentals set duration_minutes = {minutes} where rental_key = "
        "(select min(rental_key) from marts.fct_rentals where duration_minutes > 1 and "
        "returned_at_utc between '2010-09-10 12:00' and '2010-09-10 13:00')",
    )
    found = judged(warehouse, run)["tumbling"]
    assert not found.passed
    assert found.parity.differing == 1
    assert {one.figure for one in found.parity.first} >= metrics


def test_a_changed_metric_moves_windows_and_mart_together(
    warehouse: Warehouse, url: str
) -> None:
    changed = semantics(("duration_minutes > 40", "duration_minutes > 60"))
    run = streamed(warehouse, LiveRun(url, returns(1_000), metrics=changed))
    assert all(one.passed for one in judged(warehouse, run).values())
    # Before the sidecar has read the changed metric, its figures are the old ones.
    old = judged(warehouse, run, semantics())["tumbling"]
    assert {one.figure for one in old.parity.first} == {"overdue_share"}


def test_windows_that_were_not_read_to_their_end_are_not_compared(
    warehouse: Warehouse, url: str
) -> None:
    sent = returns(1_000)
    run = LiveRun(url, sent)
    dataclasses.replace(run, sent=sent[:600]).stream(*WINDOWS)
    with warehouse.session() as session:
        run.load(session)
    found = judged(warehouse, run)["tumbling"]
    # Nothing tells yet how far in time the offsets that were read reach.
    assert not found.passed
    assert found.parity.compared == 0


def test_comparing_nothing_is_a_warning_until_something_should_have_been_compared(
    warehouse: Warehouse, url: str
) -> None:
    run = LiveRun(url, returns(100))
    nothing = judged(warehouse, run)["tumbling"]
    assert (nothing.passed, nothing.severity) == (False, Severity.WARN)
    assert "no event was ever loaded" in nothing.detail
    with warehouse.session() as session:
        run.load(session)
    absent = judged(warehouse, run)["tumbling"]
    assert (absent.passed, absent.severity) == (False, Severity.ERROR)
    assert "none emitted" in absent.detail
    run.stream(*WINDOWS)
    change(warehouse, "delete from marts.fct_rentals")
    empty = judged(warehouse, run)["tumbling"]
    assert (empty.passed, empty.severity) == (False, Severity.ERROR)
    assert empty.parity.compared == 0
    assert "fct_rentals has rows of no time" in empty.detail


@pytest.mark.parametrize(
    ("hours", "severity"), [(10, Severity.WARN), (13, Severity.ERROR)]
)
def test_the_first_windows_are_awaited_as_long_as_events_settle(
    warehouse: Warehouse, url: str, hours: int, severity: Severity
) -> None:
    # settles_after is 3 h: left out at the start, at the end, and for the mart's rows;
    # a window of an hour lies within what is left where events fill 11 h.
    few = [one for one in returns(2_000) if one.at < START + timedelta(hours=hours)]
    run = streamed(warehouse, LiveRun(url, few))
    change(
        warehouse,
        "delete from marts.fct_rentals where returned_at_utc > "
        f"timestamp '{START:%Y-%m-%d}' + interval 6 hour",
    )
    found = judged(warehouse, run)["tumbling"]
    assert (found.parity.compared, found.passed) == (0, False)
    assert found.severity is severity
    if severity is Severity.WARN:
        assert "once events reach 2010-09-08 11:" in found.detail


def test_windows_that_a_partition_without_events_holds_open_are_not_compared(
    warehouse: Warehouse, url: str
) -> None:
    # No station is in the third partition, and no time-out lets it be idle.
    run = streamed(warehouse, LiveRun(url, returns(1_000), partitions=9))
    for name, one in judged(warehouse, run).items():
        assert (one.parity.compared, one.severity) == (0, Severity.WARN), name
        assert "held open" in one.detail
    subject = Subject(STREAM, WINDOWS, run.metrics)
    as_in_life = START + timedelta(days=4)
    found = audit_parity(warehouse, url, subject, now=as_in_life)
    assert {(one.severity, one.passed) for one in found} == {(Severity.ERROR, False)}


def test_sessions_that_all_reach_beyond_what_is_known_are_a_warning(
    warehouse: Warehouse, url: str
) -> None:
    stations = ("DOK", "ZAM", "MAA")  # each has a return in every 15 of the 20 minutes
    sent = [
        Return(n, stations[n % 3], START + n * 5 * MINUTE, 10, 0 * MINUTE)
        for n in range(1_000)
    ]
    found = judged(warehouse, streamed(warehouse, LiveRun(url, sent)))
    session = found["session"]
    assert (session.parity.compared, session.parity.beyond) == (0, 3)
    assert (session.passed, session.severity) == (False, Severity.WARN)
    assert "3 sessions reach beyond the time that both sides know" in session.detail
    assert found["tumbling"].passed


def test_a_state_database_that_was_never_made_has_no_windows(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    run = LiveRun(f"sqlite:///{tmp_path / 'other.sqlite'}", returns(100))
    with warehouse.session() as session:
        run.load(session)
    found = judged(warehouse, run)["tumbling"]
    assert found.severity is Severity.ERROR
    assert "the sidecar has not read" in found.detail


def test_a_window_may_wait_for_late_events(warehouse: Warehouse, url: str) -> None:
    run = LiveRun(url, returns(2_000, late_share=0.05))
    spec = SHAPES["tumbling"].model_copy(update={"allowed_lateness": 150 * MINUTE})
    window = live_window("tumbling", window=spec)
    run.stream(window)
    with warehouse.session() as session:
        run.load(session)
    subject = Subject(STREAM, [window], run.metrics)
    (found,) = audit_parity(warehouse, url, subject, now=LATER)
    assert found.passed
    assert found.parity.with_late == 0
