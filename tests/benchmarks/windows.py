"""Times the window engine alone, in one process: `make bench-windows`.

Prints figures and asserts none: they depend on the machine and on what else it does.
"""

import argparse
import os
import time
from dataclasses import dataclass

import numpy as np

from analytics_platform.settings import load_settings
from streaming.windows.compilation import Kernels
from streaming.windows.definition import StreamRules, WindowDefinition
from streaming.windows.engine import WindowEngine
from streaming.windows.slots import Batch, SlotSpec, SlotValues
from streaming.windows.warming import warmed

_PARTITIONS = 4
_POLL = 2400  # events of a poll at 100,000 a second
_COMMIT = 50_000  # events between two commits of state


_SLOTS = {
    "count sum min max": (SlotSpec("value"),),
    "integers": (SlotSpec("value", "integer"),),
    "quantiles": (SlotSpec("value", quantiles=True),),
    "distinct": (SlotSpec("value", "identity"),),
}


@dataclass(frozen=True)
class Case:
    """A window, what is aggregated, and over how many keys."""

    definition: WindowDefinition
    aggregates: str
    keys: int


@dataclass(frozen=True)
class Costs:
    """Nanoseconds of processor time and bytes for an event; restoring in ms and MB."""

    engine: float
    deltas: float
    bytes: float
    restore: float
    megabytes: float


def main() -> None:
    """Print one line for each window, aggregate and number of keys."""
    arguments = _arguments()
    started = time.perf_counter()
    kernels = warmed(load_settings().kernels_path)
    print(f"kernels ready after {time.perf_counter() - started:.1f} s")
    for case in _cases():
        costs = [measure(case, kernels, arguments.events) for _ in range(3)]
        best = min(costs, key=lambda one: one.engine)
        print(
            f"{case.definition.type:<13}{case.aggregates:<19}{case.keys:>7} keys "
            f"{best.engine:7.0f} ns an event, deltas {best.deltas:6.0f} ns and "
            f"{best.bytes:6.1f} bytes, restored in {best.restore:5.1f} ms from "
            f"{best.megabytes:5.2f} MB, load {os.getloadavg()[0]:.1f}",
            flush=True,
        )


def measure(case: Case, kernels: Kernels, events: int) -> Costs:
    """Feed a new engine; at the end, restore another one from what it holds."""
    engine = _engine(case, kernels)
    engine.assign(range(_PARTITIONS))
    batch = _events(case, events)
    spent = kept = size = 0.0
    for begin in range(0, events, _POLL):
        part = batch.part(begin, begin + _POLL)
        started = time.process_time()
        engine.add(part)
        spent += time.process_time() - started
        if begin // _COMMIT != (begin + _POLL) // _COMMIT:
            started = time.process_time()
            size += sum(map(len, engine.delta().values()))
            kept += time.process_time() - started
    snapshots, another = engine.snapshot(), _engine(case, kernels)
    started = time.perf_counter()
    for partition, snapshot in snapshots.items():
        another.restore(partition, snapshot)
    return Costs(
        engine=1e9 * spent / events,
        deltas=1e9 * kept / events,
        bytes=size / events,
        restore=1e3 * (time.perf_counter() - started),
        megabytes=sum(map(len, snapshots.values())) / 1e6,
    )


def _engine(case: Case, kernels: Kernels) -> WindowEngine:
    rules, slots = StreamRules(out_of_orderness_ms=200), _SLOTS[case.aggregates]
    return WindowEngine(case.definition, rules, slots, kernels=kernels)


def _cases() -> list[Case]:
    second = WindowDefinition("tumbling", size_ms=1000)
    hopping = WindowDefinition("hopping", size_ms=10_000, slide_ms=1000)
    session = WindowDefinition("session", gap_ms=100)
    day = WindowDefinition("calendar_day", timezone="America/New_York")
    cases = [
        Case(definition, aggregates, keys=1000)
        for definition in (second, hopping, session)
        for aggregates in _SLOTS
    ]
    return [
        *cases,
        Case(day, "count sum min max", keys=1000),
        Case(
            WindowDefinition("tumbling", size_ms=10_000), "count sum min max", 100_000
        ),
        Case(hopping, "count sum min max", 100_000),
        Case(WindowDefinition("session", gap_ms=2000), "count sum min max", 100_000),
    ]


def _events(case: Case, events: int) -> Batch:
    """100,000 events a second, up to 200 ms out of order, keys in their partitions."""
    chance = np.random.default_rng(20130101)
    key = chance.integers(0, case.keys, events).astype(np.int32)
    ts = np.arange(events) // 100 - chance.integers(0, 200, events)
    values = np.round(chance.normal(12, 40, events))
    kind = _SLOTS[case.aggregates][0].kind
    column = values if kind == "float" else values.astype(np.int64)
    return Batch(ts, (key % _PARTITIONS).astype(np.int32), key, (SlotValues(column),))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    return parser.parse_args()


if __name__ == "__main__":
    main()
