"""With many keys cells are read ahead; what is counted must not depend on it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from streaming.windows.ahead import AHEAD, MANY_CELLS
from streaming.windows.compilation import Kernels
from streaming.windows.definition import WindowDefinition
from streaming.windows.engine import WindowEngine
from streaming.windows.slots import Batch, SlotSpec, SlotValues

KEYS = 2 * MANY_CELLS
SLOTS = (SlotSpec("value", quantiles=True),)
# Neither a multiple of what is read ahead, nor all in one batch.
SIZES = (5 * KEYS, AHEAD - 1, AHEAD, AHEAD + 1, 0, 1, KEYS)


@pytest.mark.parametrize(
    ("definition", "starts"),
    [
        (WindowDefinition("tumbling", size_ms=1_000), [0]),
        (WindowDefinition("hopping", size_ms=1_000, slide_ms=500), [0, 500]),
        (WindowDefinition("session", gap_ms=2_000), [700]),
        (WindowDefinition("calendar_day"), [0]),
    ],
    ids=["tumbling", "hopping", "session", "calendar_day"],
)
def test_many_keys_have_the_windows_that_numpy_finds(
    definition: WindowDefinition, starts: list[int], machine: Kernels
) -> None:
    rng = np.random.default_rng(7)
    engine = WindowEngine(definition, slots=SLOTS, kernels=machine)
    engine.assign([0])
    keys: list[NDArray[np.int32]] = []
    values: list[NDArray[np.float64]] = []
    for size in SIZES:
        keys.append(rng.integers(0, KEYS, size).astype(np.int32))
        values.append(rng.integers(-50, 50, size).astype(np.float64))
        given = engine.add(_batch(keys[-1], values[-1]))
        assert not given.windows().keys.size
    windows = engine.flush().windows()
    every = np.concatenate(keys)
    sums = np.bincount(every, np.concatenate(values), KEYS)
    assert np.unique(windows.starts).tolist() == starts
    for start in starts:
        chosen = windows.starts == start
        assert np.array_equal(windows.keys[chosen], np.unique(every))
        counts = np.bincount(every, minlength=KEYS)[windows.keys[chosen]]
        assert np.array_equal(windows.counts[chosen], counts)
        found = windows.aggregates("value").total[chosen]
        assert np.array_equal(found, sums[windows.keys[chosen]])


def _batch(keys: NDArray[np.int32], values: NDArray[np.float64]) -> Batch:
    """All in the same half second, so that each window holds every event."""
    return Batch(
        ts_ms=np.full(keys.size, 700, np.int64),
        partition=np.zeros(keys.size, np.int32),
        key=keys,
        values=(SlotValues(values),),
    )
