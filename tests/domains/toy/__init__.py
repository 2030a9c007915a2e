"""A second, small domain: bike rentals in Cairo, by day. It proves that another domain
needs no change of the platform.
"""

from datetime import date

from analytics_platform.contracts.domain import Domain, Partitions, Replay
from tests.domains.toy.features import FEATURE_VIEWS, SPINE
from tests.domains.toy.models import MODELS
from tests.domains.toy.reports import REPORTS
from tests.domains.toy.streams import LIVE_PREDICTIONS, LIVE_WINDOWS, RIDES
from tests.domains.toy.tables import TABLES

DOMAIN = Domain(
    name="bikes",
    title="Bike rentals",
    description="Where bikes are rented in Cairo, and which come back too late.",
    timezone="Africa/Cairo",
    partitions=Partitions(grain="day", start=date(2010, 9, 6), end=date(2010, 10, 2)),
    replay=Replay(start=date(2010, 9, 28), speed=600),
    tables=TABLES,
    published=(
        *("fct_rentals", "mart_station_daily", "dim_stations", "time_spine_daily"),
    ),
    feature_views=FEATURE_VIEWS,
    spine=SPINE,
    models=MODELS,
    reports=REPORTS,
    streams=(RIDES,),
    live_windows=LIVE_WINDOWS,
    live_predictions=LIVE_PREDICTIONS,
)
