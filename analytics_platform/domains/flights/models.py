"""The models of the reference domain."""

from datetime import timedelta

from analytics_platform.contracts.domain import ModelSpec, Slice
from analytics_platform.domains.flights.features import FEATURE_VIEWS

_OWNER = "team:data-science"

# Known only once the flight is under way. First as the mart names them, then as the
# source does, for columns that are computed from them on the way.
_LEAKS = (
    "actual_departure_utc",
    "actual_arrival_utc",
    "departure_delay_minutes",
    "arrival_delay_minutes",
    "air_time_minutes",
    "is_cancelled",
    "is_diverted",
    "is_late",
    "has_left_late",
    "known_at_utc",
    "dep_time",
    "dep_delay",
    "arr_time",
    "arr_delay",
    "air_time",
)
_BASELINE_BY = ("carrier_code", "scheduled_departure_hour_local")
_SLICES = (
    Slice(column="carrier_code"),
    Slice(column="origin_code"),
    Slice(column="destination_code", minimum_rows=1000),
)
_VIEWS = tuple(view.name for view in FEATURE_VIEWS)
_TWO_MONTHS = timedelta(days=61)

MODELS: tuple[ModelSpec, ...] = (
    ModelSpec(
        name="arrival_delay",
        description="Minutes by which a flight will arrive late, predicted before it "
        "departs.",
        owner=_OWNER,
        task="regression",
        target="arrival_delay_minutes",
        unit="minutes",
        views=_VIEWS,
        leaks=_LEAKS,
        baseline_by=_BASELINE_BY,
        slices=_SLICES,
        holdout=_TWO_MONTHS,
    ),
    ModelSpec(
        name="late_arrival",
        description="The probability that a flight will arrive late, predicted before "
        "it departs.",
        owner=_OWNER,
        task="classification",
        target="is_late",
        views=_VIEWS,
        leaks=_LEAKS,
        baseline_by=_BASELINE_BY,
        slices=_SLICES,
        holdout=_TWO_MONTHS,
    ),
)
