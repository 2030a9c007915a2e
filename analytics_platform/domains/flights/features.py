"""The features of the reference domain and the rows to predict."""

from datetime import timedelta

from analytics_platform.contracts.domain import (
    Aggregate,
    FeatureSpec,
    FeatureView,
    Spine,
)

_OWNER = "team:data-science"
_FLIGHTS = "marts.fct_flights"

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_WEEK = timedelta(weeks=1)

# What is late is said by the measure late_flights in dbt's semantic model, and by the
# mart for each flight; null where there was no arrival or no departure.
_LATE_ARRIVAL = "case when is_late then 1 when not is_late then 0 end"
_LATE_DEPARTURE = "case when has_left_late then 1 when not has_left_late then 0 end"
_CANCELLED = "case when is_cancelled then 1 else 0 end"

SPINE = Spine(
    source=_FLIGHTS,
    key=("flight_key",),
    cutoff="scheduled_departure_utc",
    ahead=_HOUR,
    known_at="known_at_utc",
    columns=(
        "carrier_code",
        "origin_code",
        "destination_code",
        "scheduled_departure_hour_local",
        "flight_weekday",
        "scheduled_duration_minutes",
        "distance_miles",
        "plane_age_years",
        "plane_seat_count",
    ),
    categorical=("carrier_code", "origin_code", "destination_code"),
)


def _observed(name: str, column: str, unit: str) -> FeatureSpec:
    """The last known observation, bridging one or two missed hourly reports."""
    return FeatureSpec(
        name=name,
        description=f"Last {name.replace('_', ' ')} known at the origin.",
        aggregate=Aggregate.LATEST,
        expression=column,
        length=4 * _HOUR,
        unit=unit,
    )


def _feature(
    name: str,
    description: str,
    of: tuple[Aggregate, str],
    length: timedelta,
    unit: str,
) -> FeatureSpec:
    aggregate, expression = of
    return FeatureSpec(
        name=name,
        description=description,
        aggregate=aggregate,
        expression=expression,
        length=length,
        unit=unit,
    )


def _punctuality(
    suffix: str, within: str, length: timedelta
) -> tuple[FeatureSpec, ...]:
    """How flights that should have ended within a window did."""
    mean, count = Aggregate.MEAN, Aggregate.COUNT
    return (
        _feature(
            f"arrival_delay_{suffix}",
            f"Mean arrival delay over the {within}.",
            (mean, "arrival_delay_minutes"),
            length,
            "minutes",
        ),
        _feature(
            f"late_share_{suffix}",
            f"Share of late arrivals over the {within}.",
            (mean, _LATE_ARRIVAL),
            length,
            "share",
        ),
        _feature(
            f"flights_{suffix}",
            f"Flights ended or cancelled over the {within}.",
            (count, "1"),
            length,
            "flights",
        ),
        _feature(
            f"cancelled_share_{suffix}",
            f"Share of cancelled flights over the {within}.",
            (mean, _CANCELLED),
            length,
            "share",
        ),
    )


WEATHER = FeatureView(
    name="origin_weather",
    description="The weather at the origin as last known before the prediction.",
    owner=_OWNER,
    entity=("airport_code",),
    spine_entity=("origin_code",),
    source="staging.stg_weather",
    event_time="observed_hour_utc",
    knowledge_time="observed_hour_utc",
    # Labelled with the hour it was taken in: surely known when that has ended.
    known_after=_HOUR,
    ttl=3 * _HOUR,
    features=(
        _observed("temperature", "temperature_fahrenheit", "degrees Fahrenheit"),
        _observed("dew_point", "dew_point_fahrenheit", "degrees Fahrenheit"),
        _observed("humidity", "relative_humidity_percent", "percent"),
        _observed("wind_speed", "wind_speed_mph", "miles per hour"),
        _observed("wind_gust", "wind_gust_mph", "miles per hour"),
        _observed("precipitation", "precipitation_inches", "inches"),
        _observed("pressure", "pressure_millibars", "millibars"),
        _observed("visibility", "visibility_miles", "miles"),
        _feature(
            "precipitation_6h",
            "Precipitation known of the last six hours.",
            (Aggregate.SUM, "precipitation_inches"),
            6 * _HOUR,
            "inches",
        ),
    ),
)

PLANE = FeatureView(
    name="plane_arrivals",
    description="How the plane's last flights arrived, known before the prediction.",
    owner=_OWNER,
    entity=("tail_number",),
    source=_FLIGHTS,
    event_time="actual_arrival_utc",
    knowledge_time="known_at_utc",
    ttl=_DAY,
    features=(
        _feature(
            "last_delay",
            "Arrival delay of its last flight within a day.",
            (Aggregate.LATEST, "arrival_delay_minutes"),
            _DAY,
            "minutes",
        ),
        _feature(
            "mean_delay_1d",
            "Mean arrival delay over the last day.",
            (Aggregate.MEAN, "arrival_delay_minutes"),
            _DAY,
            "minutes",
        ),
        _feature(
            "max_delay_1d",
            "Greatest arrival delay over the last day.",
            (Aggregate.MAX, "arrival_delay_minutes"),
            _DAY,
            "minutes",
        ),
        _feature(
            "legs_1d",
            "Flights it ended over the last day.",
            (Aggregate.COUNT, "1"),
            _DAY,
            "flights",
        ),
        _feature(
            "mean_delay_7d",
            "Mean arrival delay over the last seven days.",
            (Aggregate.MEAN, "arrival_delay_minutes"),
            _WEEK,
            "minutes",
        ),
        _feature(
            "max_delay_7d",
            "Greatest arrival delay over the last seven days.",
            (Aggregate.MAX, "arrival_delay_minutes"),
            _WEEK,
            "minutes",
        ),
    ),
)

CARRIER = FeatureView(
    name="carrier_punctuality",
    description="How the carrier's flights fared lately, known before the prediction.",
    owner=_OWNER,
    entity=("carrier_code",),
    source=_FLIGHTS,
    event_time="known_at_utc",
    knowledge_time="known_at_utc",
    ttl=3 * _HOUR,
    features=(
        *_punctuality("3h", "last three hours", 3 * _HOUR),
        *_punctuality("7d", "last seven days", _WEEK),
        *_punctuality("21d", "last three weeks", 3 * _WEEK),
    ),
)

ROUTE = FeatureView(
    name="route_punctuality",
    description="How flights on the route fared lately, known before the prediction.",
    owner=_OWNER,
    entity=("origin_code", "destination_code"),
    source=_FLIGHTS,
    event_time="known_at_utc",
    knowledge_time="known_at_utc",
    ttl=_DAY,
    features=(
        *_punctuality("1d", "last day", _DAY),
        *_punctuality("21d", "last three weeks", 3 * _WEEK),
    ),
)

ORIGIN = FeatureView(
    name="origin_departures",
    description="How departures from the origin went lately, known when they left.",
    owner=_OWNER,
    entity=("origin_code",),
    source=_FLIGHTS,
    event_time="actual_departure_utc",
    knowledge_time="actual_departure_utc",
    ttl=2 * _HOUR,
    features=(
        _feature(
            "departure_delay_2h",
            "Mean departure delay over the last two hours.",
            (Aggregate.MEAN, "departure_delay_minutes"),
            2 * _HOUR,
            "minutes",
        ),
        _feature(
            "late_share_2h",
            "Share of late departures over the last two hours.",
            (Aggregate.MEAN, _LATE_DEPARTURE),
            2 * _HOUR,
            "share",
        ),
        _feature(
            "departures_2h",
            "Departures over the last two hours.",
            (Aggregate.COUNT, "1"),
            2 * _HOUR,
            "flights",
        ),
        _feature(
            "departure_delay_1d",
            "Mean departure delay over the last day.",
            (Aggregate.MEAN, "departure_delay_minutes"),
            _DAY,
            "minutes",
        ),
    ),
)

FEATURE_VIEWS: tuple[FeatureView, ...] = (WEATHER, PLANE, CARRIER, ROUTE, ORIGIN)
