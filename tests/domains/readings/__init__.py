"""A domain that only streams: readings of sensors, with a live window of each kind."""

import os
from datetime import timedelta
from typing import Any

from analytics_platform.contracts.declaration import ColumnType
from analytics_platform.contracts.streams import (
    EventField,
    EventKind,
    EventSource,
    EventStream,
    EventTopic,
    LiveWindow,
    StreamOrder,
    WindowSpec,
)
from tests.domains.toy import DOMAIN as TOY
from tests.support.semantic_yaml import manifest

# Tests that share a broker have a topic each.
TOPIC = os.environ.get("TEST_READINGS_TOPIC", "readings")
PARTITIONS = 4
BOUND_MS, LATENESS_MS, PATIENCE_MS = 50, 300, 5_000
SECOND_MS, HOP_MS, SLIDE_MS, GAP_MS = 1_000, 2_000, 500, 400
METRICS = ("readings", "total", "mean_level", "least", "most")
QUANTILES = ("median", "p95", "p99")
_AGGREGATES = {
    "readings": "count",
    "total": "sum",
    "mean_level": "average",
    "least": "min",
    "most": "max",
    "distinct_levels": "count_distinct",
}
_RANKS = {"median": 0.5, "p95": 0.95, "p99": 0.99}
_OWNER = "team:sensors"


def _field(name: str, kind: ColumnType) -> EventField:
    return EventField(name=name, type=kind, description=name, nullable=False)


STREAM = EventStream(
    name="readings",
    description="What sensors measure.",
    owner=_OWNER,
    id_field="reading_id",
    time_field="at",
    kind_field="what",
    fields=(
        _field("reading_id", ColumnType.STRING),
        _field("what", ColumnType.STRING),
        _field("at", ColumnType.TIMESTAMP),
        _field("sensor", ColumnType.STRING),
        _field("level", ColumnType.FLOAT),
    ),
    kinds=(
        EventKind(
            name="measured",
            description="A sensor has measured.",
            happens_at="measured_at",
            sent_at="measured_at",
            event_id="reading_id",
            fields={"sensor": "sensor", "level": "level"},
        ),
    ),
    topics=(EventTopic(name=TOPIC, key="sensor"),),
    source=EventSource(tables=(), query="select 1"),
    relation="marts.fct_readings",
)


def live_window(
    name: str,
    window: WindowSpec,
    *,
    metrics: tuple[str, ...] = METRICS,
    bound_ms: int = BOUND_MS,
) -> LiveWindow:
    """A live window over readings by sensor."""
    return LiveWindow(
        name=name,
        description=name,
        owner=_OWNER,
        stream=STREAM.name,
        kind="measured",
        key="sensor",
        metrics=metrics,
        window=window,
        order=StreamOrder(
            out_of_orderness=timedelta(milliseconds=bound_ms), idle_timeout=None
        ),
        event_time="measured_at",
    )


def _ms(number: int) -> timedelta:
    return timedelta(milliseconds=number)


LIVE_WINDOWS = (
    live_window("by_second", WindowSpec(type="tumbling", size=_ms(SECOND_MS))),
    live_window(
        "hopping",
        WindowSpec(
            type="hopping",
            size=_ms(HOP_MS),
            slide=_ms(SLIDE_MS),
            allowed_lateness=_ms(LATENESS_MS),
        ),
    ),
    live_window(
        "visits", WindowSpec(type="session", gap=_ms(GAP_MS)), bound_ms=PATIENCE_MS
    ),
)

DOMAIN = TOY.model_copy(
    update={
        "name": "readings",
        "streams": (STREAM,),
        "live_windows": LIVE_WINDOWS,
        "live_predictions": (),
    }
)


def semantic_manifest() -> dict[str, Any]:
    """What dbt would publish of the metrics."""
    measures: list[dict[str, Any]] = [
        {"name": name, "agg": aggregate, "expr": "level"}
        for name, aggregate in _AGGREGATES.items()
    ]
    measures += [
        {
            "name": name,
            "agg": "percentile",
            "expr": "level",
            "agg_params": {"percentile": rank, "use_discrete_percentile": False},
        }
        for name, rank in _RANKS.items()
    ]
    return manifest(
        {
            "semantic_models": [
                {
                    "name": "readings",
                    "model": "ref('fct_readings')",
                    "entities": [{"name": "reading", "type": "primary"}],
                    "measures": measures,
                }
            ],
            "metrics": [
                {
                    "name": one["name"],
                    "type": "simple",
                    "type_params": {"measure": one["name"]},
                }
                for one in measures
            ],
        }
    )
