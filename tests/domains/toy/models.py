"""The models of the toy domain: how long a rental takes, and whether too long."""

from datetime import timedelta

from analytics_platform.contracts.domain import ModelSpec, Slice

_OWNER = "team:bikes"
_VIEWS = ("station_rentals", "station_survey")
_LEAKS = (
    "returned_at_utc",
    "known_at_utc",
    "return_station_code",
    "duration_minutes",
    "is_overdue",
    "returned_at",
    "station_to",
)
_BASELINE_BY = ("station_code", "rental_hour_local")
_SLICES = (Slice(column="rider_kind", minimum_rows=50),)
_HOLDOUT = timedelta(days=7)
_PARAMETERS: dict[str, float | int | str] = {"rounds": 100, "num_leaves": 8}

MODELS = (
    ModelSpec(
        name="ride_minutes",
        description="Minutes that a rental takes, predicted when it begins.",
        owner=_OWNER,
        task="regression",
        target="duration_minutes",
        unit="minutes",
        views=_VIEWS,
        leaks=_LEAKS,
        baseline_by=_BASELINE_BY,
        slices=_SLICES,
        holdout=_HOLDOUT,
        parameters=_PARAMETERS,
    ),
    ModelSpec(
        name="overdue_ride",
        description="The probability that a rental takes more than 40 minutes.",
        owner=_OWNER,
        task="classification",
        target="duration_minutes > 40",
        views=_VIEWS,
        leaks=_LEAKS,
        baseline_by=_BASELINE_BY,
        slices=_SLICES,
        holdout=_HOLDOUT,
        parameters=_PARAMETERS,
    ),
)
