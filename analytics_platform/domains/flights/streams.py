"""What the reference domain streams: events, live windows and live predictions."""

from datetime import timedelta

from analytics_platform.contracts.declaration import ColumnType
from analytics_platform.contracts.streams import (
    EventField,
    EventKind,
    EventSource,
    EventStream,
    EventTopic,
    LivePrediction,
    LiveWindow,
    Lookup,
    StreamOrder,
    WindowSpec,
)

_OPERATIONS = "team:flight-operations"
_SCIENCE = "team:data-science"
_ZONE = "America/New_York"
_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)

DEPARTURE, ARRIVAL = "departure", "arrival"


def _field(
    name: str,
    kind: ColumnType,
    description: str,
    unit: str | None = None,
    *,
    nullable: bool = True,
) -> EventField:
    return EventField(
        name=name, type=kind, description=description, unit=unit, nullable=nullable
    )


_FIELDS = (
    _field("event_id", ColumnType.STRING, "Flight and what happened.", nullable=False),
    _field("event_kind", ColumnType.STRING, "departure or arrival.", nullable=False),
    _field("happened_at", ColumnType.TIMESTAMP, "When it happened.", nullable=False),
    _field("flight_key", ColumnType.STRING, "The flight.", nullable=False),
    _field("carrier_code", ColumnType.STRING, "Code of the carrier.", nullable=False),
    _field("origin_code", ColumnType.STRING, "Airport of departure.", nullable=False),
    _field("destination_code", ColumnType.STRING, "Airport of destination."),
    _field("tail_number", ColumnType.STRING, "Tail number of the plane."),
    _field("flight_year", ColumnType.INTEGER, "Local year of the departure."),
    _field("flight_weekday", ColumnType.INTEGER, "Local weekday, Monday is 1."),
    _field(
        "scheduled_departure_utc", ColumnType.TIMESTAMP, "When it should have left."
    ),
    _field(
        "scheduled_departure_hour_local",
        ColumnType.INTEGER,
        "Local hour of the scheduled departure.",
    ),
    _field(
        "scheduled_duration_minutes",
        ColumnType.INTEGER,
        "From scheduled departure to scheduled arrival.",
        "minutes",
    ),
    _field("distance_miles", ColumnType.INTEGER, "Distance of the airports.", "miles"),
    _field(
        "departure_delay_minutes",
        ColumnType.INTEGER,
        "Delay at departure; negative is early.",
        "minutes",
    ),
    _field(
        "arrival_delay_minutes",
        ColumnType.INTEGER,
        "Delay at arrival; negative is early.",
        "minutes",
    ),
    _field("air_time_minutes", ColumnType.INTEGER, "Time in the air.", "minutes"),
)

# Names and instants as the marts have them (int_flights_timed): a test compares every
# event of the year with fct_flights. The four destinations that the source's airports
# lack lie in Puerto Rico and on Saint Thomas, which share one time.
_ROWS = """
with timed as (
    select
        flights.*,
        make_date(year, month, day) as flight_date,
        time_hour + to_minutes(minute) as scheduled_departure_utc,
        coalesce(airports.tzone, 'America/Puerto_Rico') as destination_zone
    from flights
    left join airports on flights.dest = airports.faa
),

local_arrivals as (
    select
        *,
        timezone(destination_zone, timezone('UTC', scheduled_departure_utc))::date
            ::timestamp + to_minutes(sched_arr_time // 100 * 60 + sched_arr_time % 100)
            as same_day_arrival_local
    from timed
),

same_day_arrivals as (
    select
        *,
        timezone('UTC', timezone(destination_zone, same_day_arrival_local))
            as same_day_arrival_utc,
        timezone('UTC', timezone(
            destination_zone, same_day_arrival_local + to_days(1)
        )) as next_day_arrival_utc
    from local_arrivals
)

select
    flight_date || '-' || carrier || '-' || flight || '-' || origin || '-'
        || sched_dep_time as flight_key,
    carrier as carrier_code,
    origin as origin_code,
    dest as destination_code,
    tailnum as tail_number,
    year as flight_year,
    isodow(flight_date) as flight_weekday,
    scheduled_departure_utc,
    hour as scheduled_departure_hour_local,
    case
        when same_day_arrival_utc > scheduled_departure_utc then same_day_arrival_utc
        else next_day_arrival_utc
    end as scheduled_arrival_utc,
    dep_delay as departure_delay_minutes,
    arr_delay as arrival_delay_minutes,
    air_time as air_time_minutes,
    distance as distance_miles,
    -- The data does not say when messages were received. Their delay is made up, from
    -- the flight, so that every replay sends them in the same order.
    md5_number_lower(flight_key)::hugeint as chance
from same_day_arrivals
"""

_DEPARTED = "scheduled_departure_utc + to_minutes(departure_delay_minutes)"
_ARRIVED = "scheduled_arrival_utc + to_minutes(arrival_delay_minutes)"

EVENTS = EventStream(
    name="flight_events",
    description="Departures from New York and the arrivals of these flights.",
    owner=_OPERATIONS,
    id_field="event_id",
    time_field="happened_at",
    kind_field="event_kind",
    fields=_FIELDS,
    kinds=(
        EventKind(
            name=DEPARTURE,
            description="The flight has left.",
            happens_if="departure_delay_minutes is not null",
            happens_at=_DEPARTED,
            # Sent within a minute.
            sent_at=f"{_DEPARTED} + to_seconds((chance % 60)::bigint)",
            event_id="flight_key || '/departure'",
            fields={
                name: name
                for name in (
                    *("flight_key", "carrier_code", "origin_code", "destination_code"),
                    *("tail_number", "flight_year", "flight_weekday"),
                    *("scheduled_departure_utc", "scheduled_departure_hour_local"),
                    *("scheduled_duration_minutes", "distance_miles"),
                    "departure_delay_minutes",
                )
            }
            | {
                "scheduled_duration_minutes": "date_diff('minute', "
                "scheduled_departure_utc, scheduled_arrival_utc)"
            },
        ),
        EventKind(
            name=ARRIVAL,
            description="The flight has arrived.",
            happens_if="arrival_delay_minutes is not null",
            happens_at=_ARRIVED,
            # Sent within ten minutes; one in a hundred is held up for up to two hours.
            sent_at=f"{_ARRIVED} + to_seconds((case when chance % 100 = 0 "
            "then chance // 100 % 7200 else chance // 100 % 600 end)::bigint)",
            event_id="flight_key || '/arrival'",
            fields={
                name: name
                for name in (
                    *("flight_key", "carrier_code", "origin_code", "destination_code"),
                    *("arrival_delay_minutes", "air_time_minutes"),
                )
            },
        ),
    ),
    topics=(
        # Three airports leave one of three or four partitions without events.
        EventTopic(name="flight_events", key="origin_code", partitions=2),
        EventTopic(name="flight_events_by_carrier", key="carrier_code"),
    ),
    source=EventSource(tables=("flights", "airports"), query=_ROWS),
    relation="marts.fct_flights",
)

# Longer than the made-up delay of nearly all messages.
_ORDER = {
    DEPARTURE: StreamOrder(
        out_of_orderness=2 * _MINUTE, idle_timeout=15 * _MINUTE, max_future_drift=_DAY
    ),
    ARRIVAL: StreamOrder(
        out_of_orderness=10 * _MINUTE, idle_timeout=30 * _MINUTE, max_future_drift=_DAY
    ),
}
_EVENT_TIME = {DEPARTURE: "actual_departure_utc", ARRIVAL: "actual_arrival_utc"}
_BY_AIRPORT, _BY_CARRIER = "origin_code", "carrier_code"

_DEPARTURES = ("flights", "mean_departure_delay_minutes")
_ARRIVALS = (
    *("arrived_flights", "late_flights", "late_share", "mean_arrival_delay_minutes"),
    *("p90_arrival_delay_minutes", "worst_arrival_delay_minutes"),
)


def _window(
    name: str, description: str, kind: str, key: str, window: WindowSpec
) -> LiveWindow:
    return LiveWindow(
        name=name,
        description=description,
        owner=_OPERATIONS,
        stream=EVENTS.name,
        kind=kind,
        key=key,
        metrics=_DEPARTURES if kind == DEPARTURE else _ARRIVALS,
        window=window,
        order=_ORDER[kind],
        event_time=_EVENT_TIME[kind],
    )


LIVE_WINDOWS = (
    _window(
        "departures_15m",
        "Departures from each airport, by quarter of an hour.",
        DEPARTURE,
        _BY_AIRPORT,
        WindowSpec(type="tumbling", size=15 * _MINUTE, allowed_lateness=5 * _MINUTE),
    ),
    _window(
        "arrivals_60m",
        "Arrivals of flights from each airport over an hour, every ten minutes.",
        ARRIVAL,
        _BY_AIRPORT,
        WindowSpec(
            type="hopping",
            size=60 * _MINUTE,
            slide=10 * _MINUTE,
            allowed_lateness=30 * _MINUTE,
        ),
    ),
    _window(
        "carrier_arrivals_60m",
        "Arrivals of each carrier's flights, by the hour.",
        ARRIVAL,
        _BY_CARRIER,
        WindowSpec(type="tumbling", size=60 * _MINUTE, allowed_lateness=30 * _MINUTE),
    ),
    _window(
        "carrier_departure_banks",
        "Departures of each carrier that follow each other within 20 minutes.",
        DEPARTURE,
        _BY_CARRIER,
        WindowSpec(type="session", gap=20 * _MINUTE),
    ),
    _window(
        "arrivals_today",
        "Arrivals of flights from each airport, by New York's calendar day.",
        ARRIVAL,
        _BY_AIRPORT,
        WindowSpec(type="calendar_day", timezone=_ZONE, allowed_lateness=120 * _MINUTE),
    ),
)

LIVE_PREDICTIONS = (
    LivePrediction(
        name="arrival_delay_at_departure",
        description="Predicted arrival delay of each departure, by what was known an "
        "hour before its schedule.",
        owner=_SCIENCE,
        model="arrival_delay",
        stream=EVENTS.name,
        kind=DEPARTURE,
        key=_BY_AIRPORT,
        columns={"plane_age_years": "flight_year - manufacture_year"},
        lookups=(
            Lookup(
                table="dim_planes",
                key={"tail_number": "tail_number"},
                columns={
                    "manufacture_year": "manufacture_year",
                    "plane_seat_count": "seat_count",
                },
            ),
        ),
    ),
)
