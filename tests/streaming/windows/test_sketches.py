"""Quantiles and distinct counts keep the bounds that are stated, against numpy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from analytics_platform.core.live_accuracy import DISTINCT_ERROR, QUANTILE_ERROR
from streaming.windows.compilation import Kernels
from streaming.windows.definition import StreamRules, WindowDefinition
from streaming.windows.emissions import Emissions
from streaming.windows.engine import WindowEngine
from streaming.windows.histograms import bin_of, value_of
from streaming.windows.layout import PERCENTILES
from streaming.windows.slots import Batch, SlotSpec, SlotValues

HOP = WindowDefinition("hopping", size_ms=1000, slide_ms=300)


@given(st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False))
@settings(max_examples=300)
def test_a_bin_stands_for_its_values_within_one_percent(value: float) -> None:
    assert value_of(bin_of(value)) == pytest.approx(value, rel=QUANTILE_ERROR * 1.001)


@pytest.mark.parametrize("kind", ["normal", "signs", "wide", "zeros"])
def test_quantiles_lie_between_values_within_one_percent(
    kind: str, machine: Kernels
) -> None:
    chance = np.random.default_rng(7)
    values = {
        "normal": chance.normal(12, 40, 5000),
        "signs": chance.choice([-3.0, -2.0, 2.0, 3.0], 5000),
        "wide": 10.0 ** chance.uniform(-12, 12, 5000),
        "zeros": np.where(chance.random(5000) < 0.6, 0.0, chance.normal(size=5000)),
    }[kind]
    ts = np.sort(chance.integers(0, 3000, 5000))
    given = run(machine, SlotSpec("v", quantiles=True), ts, SlotValues(values))
    found = given.aggregates("v").quantiles
    for line, (start, end) in enumerate(zip(given.starts, given.ends, strict=True)):
        inside = np.sort(values[(ts >= start) & (ts < end)])
        for column, percent in enumerate(PERCENTILES):
            # Each of the two values that it lies between is known within one percent.
            exact = np.percentile(inside, percent)
            size = _interpolated(np.abs(inside), percent)
            assert abs(found[line, column] - exact) <= QUANTILE_ERROR * 1.001 * size


@pytest.mark.parametrize("values", [[7.0], [-3.0, 8.0], [5, 5, 5]])
def test_quantiles_of_the_least_and_the_most_are_exact(
    values: list[float], machine: Kernels
) -> None:
    ts = np.full(len(values), 100)
    slot = SlotSpec("v", quantiles=True)
    given = run(machine, slot, ts, SlotValues(np.array(values, np.float64)))
    for line in given.aggregates("v").quantiles:
        assert line.tolist() == pytest.approx(
            np.percentile(values, PERCENTILES).tolist(), rel=1e-15
        )


def _interpolated(values: NDArray[np.float64], percent: int) -> float:
    """Between two places of values, in their order."""
    place, share = divmod(percent * (values.size - 1), 100)
    following = values[min(place + 1, values.size - 1)]
    return float(values[place] + (following - values[place]) * share / 100)


def test_distinct_counts_are_exact_up_to_128(machine: Kernels) -> None:
    ids = np.concatenate([np.arange(128), np.arange(128), np.arange(64)])
    ts = np.sort(np.random.default_rng(3).integers(0, 250, ids.size))
    given = run(machine, SlotSpec("v", "identity"), ts, SlotValues(ids))
    for line, (start, end) in enumerate(zip(given.starts, given.ends, strict=True)):
        inside = np.unique(ids[(ts >= start) & (ts < end)])
        assert given.distinct_counts("v")[line] == inside.size


@pytest.mark.parametrize("size", [200, 1000, 5000, 20_000, 200_000])
def test_larger_distinct_counts_are_within_four_standard_errors(
    size: int, machine: Kernels
) -> None:
    ids = np.random.default_rng(size).permutation(np.tile(np.arange(size), 2))
    ts = np.arange(ids.size) * 900 // ids.size
    given = run(machine, SlotSpec("v", "identity"), ts, SlotValues(ids))
    counts = given.distinct_counts("v")
    whole = int(np.argmax(given.starts == 0))
    assert counts[whole] == pytest.approx(size, rel=DISTINCT_ERROR)


def run(
    kernels: Kernels, slot: SlotSpec, ts: NDArray[np.int64], values: SlotValues
) -> Emissions:
    """All windows of some events, none of them late."""
    rules = StreamRules(out_of_orderness_ms=10_000)
    engine = WindowEngine(HOP, rules, (slot,), kernels=kernels)
    engine.assign([0])
    zeros = np.zeros(ts.size, np.int32)
    engine.add(Batch(ts, zeros, zeros, (values,)))
    return engine.flush()
