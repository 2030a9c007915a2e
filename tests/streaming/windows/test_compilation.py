"""Machine code gives what Python gives, also where room runs out."""

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray

from streaming.windows.compilation import Kernels, interpreted
from streaming.windows.definition import StreamRules, WindowDefinition
from streaming.windows.emissions import Emissions
from streaming.windows.engine import WindowEngine
from streaming.windows.slots import Batch, SlotSpec, SlotValues
from tests.streaming.windows.conftest import CACHE
from tests.support.repository import ROOT
from tests.support.window_runs import run_whole
from tests.support.window_scenarios import scenarios

SLOTS = (
    SlotSpec("real", quantiles=True),
    SlotSpec("whole", "integer"),
    SlotSpec("who", "identity"),
)
DEFINITIONS = [
    WindowDefinition("tumbling", size_ms=400, allowed_lateness_ms=100),
    WindowDefinition("hopping", size_ms=700, slide_ms=300, allowed_lateness_ms=200),
    WindowDefinition("session", gap_ms=40, allowed_lateness_ms=50),
    WindowDefinition("calendar_day", timezone="Asia/Tehran"),
]


def alike(one: object, other: object) -> bool:
    """Equal, but for the last digits of an exponential, which both compute anew."""
    if isinstance(one, float) and isinstance(other, float):
        both_nan = math.isnan(one) and math.isnan(other)
        return both_nan or math.isclose(one, other, rel_tol=1e-12)
    return one == other


@given(scenario=scenarios(timed=False))
@settings(max_examples=150, deadline=None)
def test_both_give_the_same_lines(machine: Kernels, scenario: dict[str, Any]) -> None:
    mine, theirs = (run_whole(scenario, one) for one in (machine, interpreted()))
    assert len(mine) == len(theirs)
    for one, other in zip(mine, theirs, strict=True):
        assert all(map(alike, one, other)), (one, other)


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda one: one.type)
def test_both_grow_alike(definition: WindowDefinition, machine: Kernels) -> None:
    mine, theirs = (
        run(definition, kernels, keys=300, events=4000)
        for kernels in (machine, interpreted())
    )
    for name in ("lines", "partitions", "whole", "distinct"):
        assert np.array_equal(getattr(mine, name), getattr(theirs, name))
    windows = mine.windows(), theirs.windows()
    assert np.allclose(windows[0].quantiles, windows[1].quantiles, equal_nan=True)


@pytest.mark.parametrize("definition", DEFINITIONS[:3], ids=lambda one: one.type)
def test_a_hundred_thousand_keys_lose_nothing(
    definition: WindowDefinition, machine: Kernels
) -> None:
    given = run(definition, machine, keys=100_000, events=300_000)
    counted = given.windows()
    if definition.type == "tumbling":
        last = {}
        names = zip(counted.keys, counted.starts, counted.counts, strict=True)
        for key, start, count in names:
            last[key, start] = int(count)
        assert sum(last.values()) + len(given.late()) == 300_000
    assert np.unique(counted.keys).size > 80_000


@pytest.mark.system
def test_machine_code_stays_within_its_arrays(tmp_path: Path) -> None:
    """The tests of this folder again, with every index checked."""
    script = (
        "from tests.streaming.windows.test_compilation import *\n"
        "from streaming.windows.warming import warmed\n"
        f"kernels = warmed(Path({str(tmp_path)!r}))\n"
        "for definition in DEFINITIONS:\n"
        "    run(definition, kernels, keys=3000, events=60_000)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "NUMBA_BOUNDSCHECK": "1"},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_the_kernels_are_compiled_once(machine: Kernels) -> None:
    assert machine
    assert list(CACHE.glob("*/*/*.nbi"))


def run(
    definition: WindowDefinition, kernels: Kernels, *, keys: int, events: int
) -> Emissions:
    """Random events in small batches, then flush."""
    rules = StreamRules(out_of_orderness_ms=100, dedup_by_id=True)
    engine = WindowEngine(definition, rules, SLOTS, kernels=kernels)
    engine.assign(range(3))
    batch = random_batch(definition, keys=keys, events=events)
    parts = [
        engine.add(batch.part(begin, begin + 997)) for begin in range(0, events, 997)
    ]
    return together([*parts, engine.flush()])


def random_batch(definition: WindowDefinition, *, keys: int, events: int) -> Batch:
    """Events of three partitions with all kinds of values."""
    chance = np.random.default_rng(11)
    key = chance.integers(0, keys, events).astype(np.int32)
    step = 86_400_000 // 50 if definition.type == "calendar_day" else 1
    ts = np.sort(chance.integers(0, 3000, events)) - chance.integers(0, 300, events)
    return Batch(
        ts_ms=ts * step,
        partition=(key % 3).astype(np.int32),
        key=key,
        values=(
            SlotValues(chance.normal(5, 30, events)),
            SlotValues(chance.integers(-(2**62), 2**62, events), some(chance, events)),
            SlotValues(chance.integers(0, 10**6, events)),
        ),
        event_id=np.arange(events),
    )


def some(chance: np.random.Generator, events: int) -> NDArray[np.bool_]:
    return chance.random(events) < 0.9


def together(parts: list[Emissions]) -> Emissions:
    from streaming.windows.emissions import joined

    return joined([part for part in parts if len(part)], parts[0])
