"""The features of the reference domain and the rows to predict."""

from analytics_platform.contracts.domain import FeatureView, Spine

FEATURE_VIEWS: tuple[FeatureView, ...] = ()

SPINE = Spine(
    source="fct_flights",
    key=("flight_id",),
    cutoff="prediction_cutoff_utc",
    columns=("carrier", "origin", "dest", "distance_miles"),
    categorical=("carrier", "origin", "dest"),
)
