"""Which keys an engine still has something of, so that the others may go."""

import numpy as np
from numpy.typing import NDArray

from streaming.windows.compilation import Kernels
from streaming.windows.layout import (
    FLAG,
    GAP,
    NOTE,
    OF_KEY,
    OWNER,
    REMEMBERED,
    REVISED,
    TOUCHED,
    State,
)
from streaming.windows.layout import NO_CELL as NOBODY
from streaming.windows.room import new_table


def without_closed(state: State, kernels: Kernels) -> State:
    """State without windows, ids and revisions that no event can count for."""
    if state.clock[GAP]:
        kernels.forget_over(state)
    else:
        kernels.forget_closed(state)
    if state.clock[REMEMBERED]:
        table = new_table(state.remembered.shape[0])
        kernels.copy_remembered(state, table)
        state = state._replace(remembered=table)
    if state.clock[REVISED]:
        table = new_table(state.revised.shape[0])
        kernels.copy_revised(state, table)
        state = state._replace(revised=table)
    return state


def keys_in_use(state: State) -> NDArray[np.bool_]:
    """Of which keys (K) there is a cell, an id, a revision or an unwritten change."""
    found = state.keys[:, TOUCHED] > 0
    cells = state.cells[:, OF_KEY]
    found[cells[cells >= 0]] = True
    for table in (state.remembered, state.revised):
        found[table[table[:, FLAG] > 0, NOTE]] = True
    return np.asarray(found, np.bool_)


def disown(state: State, keys: NDArray[np.int32]) -> None:
    """Let unused keys be of no partition; their ids may be given to other keys."""
    state.keys[keys[keys < state.keys.shape[0]], OWNER] = NOBODY
