"""The events of the reference domain against its marts."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from analytics_platform.adapters.replay_events import EventReplay
from analytics_platform.adapters.warehouse import Session, open_warehouse
from analytics_platform.domains.flights import DOMAIN
from analytics_platform.domains.flights.streams import EVENTS
from analytics_platform.settings import Settings

YEAR = (datetime(2012, 12, 31, tzinfo=UTC), datetime(2014, 1, 3, tzinfo=UTC))
FIELDS = [one.name for one in EVENTS.fields]
# Columns of the mart by the events' fields, where those are instants.
INSTANTS = ("happened_at", "scheduled_departure_utc")


@pytest.fixture(scope="module")
def events() -> pa.Table:
    """Every event of the year, with when it was sent."""
    rows = [
        json.loads(one.value) | {"sent_at": one.sent_at_ms}
        for one in EventReplay(DOMAIN, EVENTS).events(*YEAR)
    ]
    columns = {name: [row.get(name) for row in rows] for name in [*FIELDS, "sent_at"]}
    return pa.table(columns)


@pytest.fixture
def session(built_home: Path, events: pa.Table) -> Iterator[Session]:
    with open_warehouse(Settings(home=built_home)).session() as opened:
        opened.connection.register("events", events)  # type: ignore[attr-defined]
        yield opened


@pytest.mark.parametrize(
    ("kind", "instant", "fields"),
    [
        (
            "departure",
            "actual_departure_utc",
            (
                *("carrier_code", "origin_code", "destination_code", "tail_number"),
                *("flight_weekday", "scheduled_departure_hour_local"),
                *("scheduled_duration_minutes", "distance_miles"),
                "departure_delay_minutes",
            ),
        ),
        (
            "arrival",
            "actual_arrival_utc",
            (
                *("carrier_code", "origin_code", "destination_code"),
                *("arrival_delay_minutes", "air_time_minutes"),
            ),
        ),
    ],
)
def test_every_flight_of_the_mart_has_its_event_and_the_same_values(
    session: Session, kind: str, instant: str, fields: tuple[str, ...]
) -> None:
    same = " and ".join(
        f"mart.{one} is not distinct from events.{one}" for one in fields
    )
    [(flights, equal)] = session.rows(
        f"""
        select count(*), count(*) filter (
            where epoch_ms(mart.{instant}) = events.happened_at and {same}
        )
        from marts.fct_flights as mart
        left join events
            on mart.flight_key = events.flight_key and event_kind = '{kind}'
        where {instant} is not null
        """
    )
    assert isinstance(flights, int)
    assert flights > 20_000
    assert equal == flights


def test_only_what_happened_has_an_event(session: Session) -> None:
    assert session.rows(
        "select count(*) from events join marts.fct_flights as mart using (flight_key) "
        "where (event_kind = 'departure' and mart.is_cancelled) "
        "or (event_kind = 'arrival' and (mart.is_cancelled or mart.is_diverted))"
    ) == [(0,)]


def test_ids_are_unique_and_messages_come_after_what_they_tell(
    session: Session,
) -> None:
    assert session.rows(
        "select count(*) - count(distinct event_id), min(sent_at - happened_at) >= 0 "
        "from events"
    ) == [(0, True)]


def test_arrivals_come_out_of_order_and_a_few_very_late(session: Session) -> None:
    [(out_of_order, held_up)] = session.rows(
        """
        select
            avg((happened_at < greatest_before)::int),
            avg((sent_at - happened_at > 600_000)::int)
        from (
            select *, max(happened_at) over (
                order by sent_at, event_id
                rows between unbounded preceding and 1 preceding
            ) as greatest_before
            from events where event_kind = 'arrival'
        ) as ordered
        """
    )
    assert isinstance(out_of_order, float)
    assert isinstance(held_up, float)
    assert out_of_order > 0.3
    assert 0.005 < held_up < 0.015
