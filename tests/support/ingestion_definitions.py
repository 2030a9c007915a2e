"""The ingestion assets of the small domain of orders, with their resources."""

from datetime import UTC, datetime

import dagster as dg

from analytics_platform.clock import FixedClock
from analytics_platform.defs import ingestion
from tests.support.ingestion import Shop

CLOCK = FixedClock(datetime(2013, 7, 1, tzinfo=UTC))


def resources(shop: Shop) -> dict[str, object]:
    """What the assets and sensors of ingestion are given."""
    return {
        "settings": shop.ingestion.settings,
        "clock": CLOCK,
        "warehouse": shop.ingestion.warehouse,
        "store": shop.store,
    }


def definitions(shop: Shop) -> dg.Definitions:
    """Assets, checks and sensors of the shop's domain."""
    built = ingestion.build(shop.ingestion.domain)
    return dg.Definitions.merge(built, dg.Definitions(resources=resources(shop)))
