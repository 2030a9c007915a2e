"""The reference domain's tables keep their contract, on the real data."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from analytics_platform.adapters.contract_gate import Gated, gate
from analytics_platform.adapters.sources.open import read_source
from analytics_platform.contracts.domain import TableSpec
from analytics_platform.core.contract_gate import REASON, Scope
from analytics_platform.domains.flights.tables import (
    AIRLINES,
    AIRPORTS,
    FLIGHT_CORRECTIONS,
    FLIGHTS,
    PLANES,
    TABLES,
    WEATHER,
)
from analytics_platform.domains.loader import load_domain

YEAR = Scope(date(2013, 1, 1), date(2014, 1, 1))
HISTORY = Scope(
    date(2013, 1, 1), date(2014, 1, 1), datetime(2013, 11, 1, 4, tzinfo=UTC)
)


@contextmanager
def gated(spec: TableSpec, scope: Scope) -> Iterator[Gated]:
    arrival = read_source(spec)
    with gate(spec, arrival.rows, scope, origin=arrival.origin) as found:
        yield found


@pytest.mark.parametrize(
    ("spec", "rows"), [(PLANES, 3_322), (AIRPORTS, 1_458), (AIRLINES, 16)]
)
def test_reference_tables_are_whole(spec: TableSpec, rows: int) -> None:
    with gated(spec, Scope()) as found:
        assert (dict(found.rows), dict(found.failing)) == ({None: rows}, {})


@pytest.mark.parametrize(("spec", "rows"), [(FLIGHTS, 336_776), (WEATHER, 26_115)])
def test_a_year_keeps_the_contract_in_twelve_months(spec: TableSpec, rows: int) -> None:
    with gated(spec, YEAR) as found:
        assert sum(found.rows.values()) == rows
        assert len(found.rows) == 12
        assert dict(found.failing) == {}


def test_the_history_before_the_replay_holds_no_later_flight() -> None:
    """Up to 1 November, 00:00 in New York; what was still in the air is missing."""
    with gated(FLIGHTS, HISTORY) as found:
        query = (
            "select count(*), max(time_hour + to_minutes(minute)) from checked "
            "where partition_date = date '2013-11-01'"
        )
        (row,) = found.connection.execute(query).fetchall()
        assert row == (0, None)
        october = found.rows[date(2013, 10, 1)]
    assert 28_889 - 120 < october < 28_889


def flight(**changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "year": 2013, "month": 3, "day": 9, "dep_time": 600, "sched_dep_time": 600,
        "dep_delay": 0, "arr_time": 900, "sched_arr_time": 900, "arr_delay": 0,
        "carrier": "UA", "flight": 1, "tailnum": "N1", "origin": "JFK", "dest": "IAH",
        "air_time": 150, "distance": 1400, "hour": 6, "minute": 0,
        "time_hour": "2013-03-09T11:00:00Z",
    }  # fmt: skip
    return {**row, **changes}


def reasons(row: dict[str, object]) -> list[str]:
    texts = {name: [None if v is None else str(v)] for name, v in row.items()}
    with gate(FLIGHTS, pa.table(texts), YEAR, origin="test") as found:
        told: list[str] = found.refused()[REASON].to_pylist()
        return told


def test_a_sound_flight_is_let_in() -> None:
    assert reasons(flight()) == []


def test_a_local_time_that_was_skipped_is_refused() -> None:
    row = flight(
        day=10, sched_dep_time=230, hour=2, minute=30, time_hour="2013-03-10T07:00:00Z"
    )
    assert "does not exist in America/New_York" in reasons(row)[0]


def test_a_local_time_that_occurs_twice_is_let_in_for_both_instants() -> None:
    twice = {"month": 11, "day": 3, "sched_dep_time": 130, "hour": 1, "minute": 30}
    assert reasons(flight(**twice, time_hour="2013-11-03T05:00:00Z")) == []
    assert reasons(flight(**twice, time_hour="2013-11-03T06:00:00Z")) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"month": 2, "day": 30}, "no calendar day"),
        ({"month": 13}, "the partition of the row cannot be told"),
        ({"sched_dep_time": 675, "hour": 6, "minute": 75}, "no time of day"),
        ({"dep_time": 2401}, "dep_time is no time of day"),
        ({"dep_delay": "1.5"}, "dep_delay: got 1.5, expected integer"),
        ({"minute": 1}, "hour and minute differ"),
        ({"time_hour": "2013-03-09T10:00:00Z"}, "time_hour is not the hour"),
        ({"flight": None}, "flight: got null, expected integer"),
    ],
)
def test_an_unsound_flight_is_refused(changes: dict[str, object], told: str) -> None:
    assert told in reasons(flight(**changes))[0]


@pytest.mark.parametrize(
    ("changes", "known_at"),
    [
        # departs 06:00 + 30 late, 150 in the air, 60 to taxi: 10:00 in New York
        ({"dep_delay": 30}, datetime(2013, 3, 9, 15)),  # noqa: DTZ001 - naive UTC
        # cancelled: known when it should have left
        (
            {"dep_delay": None, "air_time": None},
            datetime(2013, 3, 9, 11),  # noqa: DTZ001
        ),
        # diverted: a day after it left
        ({"dep_delay": 30, "air_time": None}, datetime(2013, 3, 10, 11, 30)),  # noqa: DTZ001
    ],
)
def test_an_outcome_is_known_when_it_is_settled(
    changes: dict[str, object], known_at: datetime
) -> None:
    texts = {
        name: [None if value is None else str(value)]
        for name, value in flight(**changes).items()
    }
    with gate(FLIGHTS, pa.table(texts), YEAR, origin="test") as found:
        query = f"select {FLIGHTS.known_at} from checked"
        assert found.connection.execute(query).fetchall() == [(known_at,)]


def test_corrections_have_the_columns_of_what_they_correct() -> None:
    assert FLIGHT_CORRECTIONS.merges_into == FLIGHTS.name
    assert FLIGHT_CORRECTIONS.columns == FLIGHTS.columns
    assert FLIGHT_CORRECTIONS.key == FLIGHTS.key


def test_the_domain_declares_its_tables() -> None:
    domain = load_domain("analytics_platform.domains.flights")
    assert domain.tables == TABLES
    assert domain.partitions.start == date(2013, 1, 1)
