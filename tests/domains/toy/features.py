"""The features of the toy domain, and the rentals to predict."""

from datetime import timedelta

from analytics_platform.contracts.domain import (
    Aggregate,
    FeatureSpec,
    FeatureView,
    Spine,
)

_OWNER = "team:bikes"
_RENTALS = "fct_rentals"
_DAY = timedelta(days=1)

SPINE = Spine(
    source=_RENTALS,
    key=("rental_key",),
    cutoff="rented_at_utc",
    known_at="known_at_utc",
    columns=("station_code", "rider_kind", "rental_hour_local", "rental_weekday"),
    categorical=("station_code", "rider_kind"),
)

LATELY = FeatureView(
    name="station_rentals",
    description="How rentals from the station ended lately.",
    owner=_OWNER,
    entity=("station_code",),
    source=_RENTALS,
    event_time="known_at_utc",
    knowledge_time="known_at_utc",
    ttl=_DAY,
    features=(
        FeatureSpec(
            name="mean_duration_1d",
            description="Mean duration of the rentals that ended in the last day.",
            aggregate=Aggregate.MEAN,
            expression="duration_minutes",
            length=_DAY,
            unit="minutes",
        ),
        FeatureSpec(
            name="longest_6h",
            description="The longest rental that ended in the last six hours.",
            aggregate=Aggregate.MAX,
            expression="duration_minutes",
            length=timedelta(hours=6),
            unit="minutes",
        ),
        FeatureSpec(
            name="casual_rentals_1d",
            description="Rentals by others than members that ended in the last day.",
            aggregate=Aggregate.COUNT,
            expression="rental_key",
            filter="rider_kind = 'casual'",
            length=_DAY,
            unit="rentals",
        ),
    ),
)

SURVEY = FeatureView(
    name="station_survey",
    description="The station as it was last surveyed.",
    owner=_OWNER,
    entity=("station_code",),
    source="dim_stations",
    event_time="surveyed_at_utc",
    knowledge_time="surveyed_at_utc",
    ttl=timedelta(days=365),
    features=(
        FeatureSpec(
            name="elevation",
            description="Height above the sea.",
            aggregate=Aggregate.LATEST,
            expression="elevation_metres",
            length=timedelta(days=365),
            unit="metres",
        ),
    ),
)

FEATURE_VIEWS = (LATELY, SURVEY)
