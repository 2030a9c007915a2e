"""The reference domain: flight operations out of New York City in 2013."""

from datetime import date

from analytics_platform.contracts.domain import Domain, Partitions, Replay
from analytics_platform.domains.flights.expectations import MODEL_CHECKS
from analytics_platform.domains.flights.features import FEATURE_VIEWS, SPINE
from analytics_platform.domains.flights.models import MODELS
from analytics_platform.domains.flights.reports import REPORTS
from analytics_platform.domains.flights.streams import (
    EVENTS,
    LIVE_PREDICTIONS,
    LIVE_WINDOWS,
)
from analytics_platform.domains.flights.tables import TABLES

DOMAIN = Domain(
    name="flights",
    title="Flight operations",
    description="Punctuality of carriers and airports, what drives delay, and which of "
    "the next flights will arrive late: every flight out of New York City in 2013.",
    timezone="America/New_York",
    partitions=Partitions(grain="month", start=date(2013, 1, 1), end=date(2014, 1, 1)),
    replay=Replay(start=date(2013, 11, 1), speed=600),
    tables=TABLES,
    model_checks=MODEL_CHECKS,
    published=(
        *("fct_flights", "mart_airport_daily", "mart_airport_hourly"),
        *("mart_carrier_daily", "mart_carrier_hourly", "mart_route_performance"),
        *("mart_weather_impact", "dim_planes", "dim_airports", "dim_carriers"),
        *("time_spine_daily", "time_spine_hourly"),
    ),
    feature_views=FEATURE_VIEWS,
    spine=SPINE,
    models=MODELS,
    reports=REPORTS,
    streams=(EVENTS,),
    live_windows=LIVE_WINDOWS,
    live_predictions=LIVE_PREDICTIONS,
)
