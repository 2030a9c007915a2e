"""More room for an engine's state: first by forgetting, then by growing."""

import numpy as np

from streaming.windows.compilation import Kernels
from streaming.windows.layout import (
    CELLS_FULL,
    CHUNKS_FULL,
    FREE_CELLS,
    FREE_ROWS,
    OUTPUT_FULL,
    REMEMBERED,
    REMEMBERED_FULL,
    REVISED,
    REVISED_FULL,
    ROWS_FULL,
    SETS_FULL,
    USED,
    State,
)
from streaming.windows.room import (
    more_cells,
    more_chunks,
    more_output,
    more_rows,
    more_sets,
    new_table,
)


def make_room(state: State, kernels: Kernels, status: int) -> State:
    """State with room for what a kernel found too little of; lines have been taken."""
    if status == OUTPUT_FULL:
        return more_output(state)
    if status == CHUNKS_FULL:
        return more_chunks(state)
    if status == SETS_FULL:
        return more_sets(state)
    if status == REMEMBERED_FULL:
        return _roomier_remembered(state, kernels)
    if status == REVISED_FULL:
        return _roomier_revised(state, kernels)
    _forget(state, kernels)
    if status == CELLS_FULL and _is_short(state, FREE_CELLS, state.cells.shape[0]):
        state = more_cells(state)
        kernels.list_cells(state)
    if status == ROWS_FULL and _is_short(state, FREE_ROWS, state.rows.shape[0]):
        state = more_rows(state)
    return state


def _forget(state: State, kernels: Kernels) -> None:
    if np.any(state.rows[:, USED]):
        kernels.forget_closed(state)
    else:
        kernels.forget_over(state)


def _is_short(state: State, place: int, size: int) -> bool:
    """Whether so little is free that looking for more of it would not pay."""
    return bool(state.clock[place] * 4 < size)


def _roomier_remembered(state: State, kernels: Kernels) -> State:
    table = new_table(state.remembered.shape[0])
    kernels.copy_remembered(state, table)
    if 4 * int(state.clock[REMEMBERED]) >= table.shape[0]:
        table = new_table(2 * table.shape[0])
        kernels.copy_remembered(state, table)
    return state._replace(remembered=table)


def _roomier_revised(state: State, kernels: Kernels) -> State:
    table = new_table(state.revised.shape[0])
    kernels.copy_revised(state, table)
    if 4 * int(state.clock[REVISED]) >= table.shape[0]:
        table = new_table(2 * table.shape[0])
        kernels.copy_revised(state, table)
    return state._replace(revised=table)
