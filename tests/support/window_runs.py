"""Feeds scenarios to engines directly, with every aggregate, and reads their lines."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from streaming.windows.compilation import Kernels
from streaming.windows.definition import StreamRules, WindowDefinition
from streaming.windows.emissions import Emissions
from streaming.windows.engine import WindowEngine
from streaming.windows.layout import WINDOW
from streaming.windows.slots import Batch, SlotSpec, SlotValues

Line = tuple[Any, ...]

SLOTS = (
    SlotSpec("real", "float", quantiles=True),
    SlotSpec("whole", "integer", quantiles=True),
    SlotSpec("who", "identity"),
)
KEYS = "abc"


def new_engine(scenario: dict[str, Any], kernels: Kernels) -> WindowEngine:
    rules = dict(scenario["stream"])
    rules.pop("partitions")
    return WindowEngine(
        WindowDefinition(**scenario["window"]),
        StreamRules(**rules),
        SLOTS,
        kernels=kernels,
    )


def batch_of(events: Sequence[dict[str, Any]]) -> Batch:
    """One batch; an event without an id gets one of its own."""
    values = [event["value"] for event in events]
    there = np.array([value is not None for value in values], np.bool_)
    numbers = np.array([value or 0 for value in values], np.float64)
    wholes = np.floor(numbers * 4).astype(np.int64)
    ids = [
        event["id"] if event["id"] is not None else 1000 + event["number"]
        for event in events
    ]
    return Batch(
        ts_ms=np.array([event["ts_ms"] for event in events], np.int64),
        partition=np.array([event["partition"] for event in events], np.int32),
        key=np.array([KEYS.index(event["key"]) for event in events], np.int32),
        values=(
            SlotValues(np.where(there, numbers, np.nan)),
            SlotValues(wholes, there),
            SlotValues(wholes, there),
        ),
        event_id=np.array(ids, np.int64),
    )


def numbered(events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**event, "number": number} for number, event in enumerate(events)]


def keyed(scenario: dict[str, Any]) -> dict[str, Any]:
    """The same scenario with each key in one partition, as in a keyed topic."""
    partitions = len(scenario["stream"]["partitions"])
    events = [
        {**event, "partition": KEYS.index(event["key"]) % partitions}
        for event in scenario["events"]
    ]
    return {**scenario, "events": events}


def lines_of(given: Emissions, begin: int = 0) -> list[Line]:
    """Lines as tuples; `begin` is the number of the batch's first event."""
    real, whole = given.aggregates("real"), given.aggregates("whole")
    totals, distinct = whole.exact_totals(), given.distinct_counts("who")
    lines: list[Line] = []
    for at, line in enumerate(given.lines.tolist()):
        kind, key, start, end, count, _, event = line
        if kind != WINDOW:
            event = event + begin if event >= 0 else event
            lines.append((kind, key, start, end, count, event))
            continue
        values = [
            *(real.number[at], real.total[at], real.least[at], real.most[at]),
            *(whole.number[at], totals[at], whole.least[at], whole.most[at]),
            *(*real.quantiles[at].tolist(), *whole.quantiles[at].tolist()),
            distinct[at],
        ]
        # No value has no quantile: NaN, which equals nothing.
        lines.append((*line[:6], *(None if np.isnan(v) else v for v in values)))
    return lines


def run_whole(scenario: dict[str, Any], kernels: Kernels) -> list[Line]:
    """All events as one batch, then flush."""
    engine = new_engine(scenario, kernels)
    engine.assign(scenario["stream"]["partitions"])
    return [
        *lines_of(engine.add(batch_of(numbered(scenario["events"])))),
        *lines_of(engine.flush()),
    ]
