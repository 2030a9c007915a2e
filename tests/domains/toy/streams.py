"""What the toy domain streams: rentals and returns, and two live windows."""

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
    StreamOrder,
    WindowSpec,
)

_OWNER = "team:bikes"
_HOUR = timedelta(hours=1)


def _field(name: str, kind: ColumnType, *, nullable: bool = True) -> EventField:
    return EventField(
        name=name, type=kind, description=name.replace("_", " "), nullable=nullable
    )


RIDES = EventStream(
    name="rides",
    description="Bikes that are rented and that come back.",
    owner=_OWNER,
    id_field="ride_event",
    time_field="at",
    kind_field="what",
    fields=(
        _field("ride_event", ColumnType.STRING, nullable=False),
        _field("what", ColumnType.STRING, nullable=False),
        _field("at", ColumnType.TIMESTAMP, nullable=False),
        _field("rental_key", ColumnType.INTEGER, nullable=False),
        _field("station_code", ColumnType.STRING, nullable=False),
        _field("rider_kind", ColumnType.STRING),
        _field("rental_hour_local", ColumnType.INTEGER),
        _field("rental_weekday", ColumnType.INTEGER),
        _field("duration_minutes", ColumnType.INTEGER),
    ),
    kinds=(
        EventKind(
            name="rented",
            description="A bike has left its station.",
            happens_at="rented_at",
            sent_at="rented_at",
            event_id="rental_key || '-out'",
            fields={
                name: name
                for name in (
                    *("rental_key", "station_code", "rider_kind"),
                    *("rental_hour_local", "rental_weekday"),
                )
            },
        ),
        EventKind(
            name="returned",
            description="A bike is back.",
            happens_if="returned_at is not null",
            happens_at="returned_at",
            sent_at="returned_at + to_minutes(rental_id % 7)",
            event_id="rental_key || '-back'",
            fields={
                name: name
                for name in ("rental_key", "station_code", "duration_minutes")
            },
        ),
    ),
    topics=(EventTopic(name="rides", key="station_code"),),
    source=EventSource(
        tables=("rentals",),
        query="""
            select
                *,
                rental_id as rental_key,
                station_from as station_code,
                rider as rider_kind,
                hour(timezone('Africa/Cairo', timezone('UTC', rented_at)))
                    as rental_hour_local,
                isodow(timezone('Africa/Cairo', timezone('UTC', rented_at)))
                    as rental_weekday,
                date_diff('minute', rented_at, returned_at) as duration_minutes
            from rentals
        """,
    ),
    relation="marts.fct_rentals",
)

_ORDER = StreamOrder(out_of_orderness=timedelta(minutes=7), idle_timeout=_HOUR)

LIVE_WINDOWS = (
    LiveWindow(
        name="rentals_by_hour",
        description="Rentals begun at each station, by the hour.",
        owner=_OWNER,
        stream="rides",
        kind="rented",
        key="station_code",
        metrics=("rentals",),
        window=WindowSpec(type="tumbling", size=_HOUR),
        order=_ORDER,
        event_time="rented_at_utc",
    ),
    LiveWindow(
        name="returns_by_day",
        description="How long the rentals of each station took, by day in Cairo.",
        owner=_OWNER,
        stream="rides",
        kind="returned",
        key="station_code",
        metrics=("returned_rentals", "mean_duration_minutes", "overdue_share"),
        window=WindowSpec(type="calendar_day", timezone="Africa/Cairo"),
        order=_ORDER,
        event_time="returned_at_utc",
    ),
)

LIVE_PREDICTIONS = (
    LivePrediction(
        name="ride_minutes_at_start",
        description="How long each rental will take, said when it begins.",
        owner=_OWNER,
        model="ride_minutes",
        stream="rides",
        kind="rented",
        key="station_code",
        columns={"rented_at_utc": "at"},
    ),
)
