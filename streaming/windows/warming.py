"""Compiles every kernel ahead of its first event, once for all processes."""

from pathlib import Path

import numpy as np

from streaming.windows.compilation import Kernels, alone_in, compiled
from streaming.windows.definition import StreamRules, WindowDefinition
from streaming.windows.intake import to_events
from streaming.windows.layout import TABLE_COLUMNS
from streaming.windows.room import new_state, new_table
from streaming.windows.slots import Batch


def warmed(cache: Path) -> Kernels:
    """Compiled kernels that will not compile any more; others wait meanwhile.

    Takes about half a minute of processor time when `cache` holds nothing, and well
    under a second when it does.
    """
    with alone_in(cache):
        kernels = compiled(cache)
        _call_all(kernels)
    return kernels


def _call_all(kernels: Kernels) -> None:
    """Call each kernel once on nothing, with the types that it will always have."""
    rules = StreamRules()
    definition = WindowDefinition("tumbling", size_ms=1)
    state = new_state(definition, rules, ())
    none = np.zeros(0, np.int64)
    batch = Batch(ts_ms=none, partition=_ids(0), key=_ids(0))
    events = to_events(batch, (), None, rules)
    kernels.run_slices(state, events, 0)
    kernels.run_sessions(state, events, 0)
    kernels.rest(state, 0, 1, -1)
    kernels.advance(state)
    kernels.next_end(state)
    kernels.forget_closed(state)
    kernels.forget_over(state)
    kernels.copy_remembered(state, new_table(64))
    kernels.copy_revised(state, new_table(64))
    kernels.list_cells(state)
    kernels.forget_keys(state, np.zeros(0, np.int8))
    kernels.copy_staying(state.revised, np.zeros(0, np.int8), new_table(64))
    kernels.place_cells(state, none, none, none)
    kernels.place_sessions(state, none, np.zeros((0, 4), np.int64), none)
    kernels.place_chunks(state, none, none, none, np.zeros((0, 32), np.int32))
    kernels.place_sets(state, none, none, none, np.zeros((0, 8), np.int64))
    kernels.place_entries(new_table(64), np.zeros((0, TABLE_COLUMNS), np.int64))


def _ids(number: int) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    return np.zeros(number, np.int32)
