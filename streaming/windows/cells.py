"""Kernels of cells: what is aggregated for one key in one piece of time."""

import math

from streaming.windows.distinct import (
    absorb_set,
    count_identity,
    free_set,
)
from streaming.windows.histograms import (
    absorb_histogram,
    count_value,
    free_histogram,
)
from streaming.windows.layout import (
    CHANGED,
    EVENTS,
    FOLLOWING,
    FREE_CELL,
    FREE_CELLS,
    HIGH,
    IDENTITIES,
    LEAST,
    LOW,
    MOST,
    NO_CELL,
    NUMBER,
    OF_KEY,
    OF_ROW,
    SUM,
    WHOLE_LEAST,
    WHOLE_MOST,
    WHOLES,
    Events,
    Long,
    Real,
    State,
)

_LOW_BITS = 0xFFFFFFFF


def take_cell(state: State, row: int, key: int) -> int:
    """An empty cell for a key; needs a free one."""
    cells = state.cells
    state.clock[FREE_CELLS] -= 1
    cell = cells[state.clock[FREE_CELLS], FREE_CELL]
    cells[cell, OF_KEY] = key
    cells[cell, OF_ROW] = row
    cells[cell, FOLLOWING] = NO_CELL
    cells[cell, CHANGED] = 0
    state.facts[cell, EVENTS] = 0
    clear_values(state, cell)
    return int(cell)


def clear_values(state: State, cell: int) -> None:
    """Set the statistics of a cell to those of no value."""
    for f in range(state.real.shape[1]):
        state.real[cell, f, NUMBER] = 0.0
        state.real[cell, f, SUM] = 0.0
        state.real[cell, f, LEAST] = math.inf
        state.real[cell, f, MOST] = -math.inf
    for w in range(state.whole.shape[1]):
        for statistic in range(5):
            state.whole[cell, w, statistic] = 0


def give_cell(state: State, cell: int) -> None:
    """Give a cell and its sketches back; the caller has taken it from its chain."""
    for q in range(state.quantile_slots.shape[0]):
        free_histogram(state, cell, q)
    for d in range(state.clock[IDENTITIES]):
        free_set(state, cell, d)
    state.cells[cell, OF_KEY] = NO_CELL
    state.cells[state.clock[FREE_CELLS], FREE_CELL] = cell
    state.clock[FREE_CELLS] += 1


def fold(state: State, events: Events, i: int, cell: int) -> None:
    """Count an event's values in a cell."""
    cells = state.cells
    cells[cell, CHANGED] = 1
    state.facts[cell, EVENTS] += 1
    for f in range(state.real.shape[1]):
        value = events.real[f, i]
        if math.isfinite(value):
            state.real[cell, f, NUMBER] += 1.0
            state.real[cell, f, SUM] += value
            state.real[cell, f, LEAST] = min(state.real[cell, f, LEAST], value)
            state.real[cell, f, MOST] = max(state.real[cell, f, MOST], value)
    for w in range(state.whole.shape[1]):
        if events.valid[w, i]:
            fold_whole(state, cell, w, events.longs[WHOLES + w, i])
    for q in range(state.quantile_slots.shape[0]):
        fold_quantile(state, events, i, cell, q)
    for d in range(state.clock[IDENTITIES]):
        if events.valid[state.whole.shape[1] + d, i]:
            count_identity(
                state, cell, d, events.longs[WHOLES + state.whole.shape[1] + d, i]
            )


def fold_whole(state: State, cell: int, slot: int, value: int) -> None:
    """Count one integer: its halves are summed apart, so that the sum stays exact."""
    held = state.whole[cell, slot]
    if held[NUMBER] == 0:
        held[WHOLE_LEAST] = value
        held[WHOLE_MOST] = value
    else:
        held[WHOLE_LEAST] = min(held[WHOLE_LEAST], value)
        held[WHOLE_MOST] = max(held[WHOLE_MOST], value)
    held[NUMBER] += 1
    held[HIGH] += value >> 32
    held[LOW] += value & _LOW_BITS


def fold_quantile(state: State, events: Events, i: int, cell: int, q: int) -> None:
    """Count one value in the histogram of slot q, if there is a value."""
    slot = state.quantile_slots[q, 1]
    if state.quantile_slots[q, 0]:
        if events.valid[slot, i]:
            count_value(state, cell, q, float(events.longs[WHOLES + slot, i]))
    elif math.isfinite(events.real[slot, i]):
        count_value(state, cell, q, events.real[slot, i])


def absorb(state: State, cell: int, other: int) -> None:
    """Add another cell to a cell; the other's sketches are used up."""
    cells = state.cells
    cells[cell, CHANGED] = 1
    state.facts[cell, EVENTS] += state.facts[other, EVENTS]
    add_real(state.real[cell], state.real[other])
    add_whole(state.whole[cell], state.whole[other])
    for q in range(state.quantile_slots.shape[0]):
        absorb_histogram(state, cell, other, q)
    for d in range(state.clock[IDENTITIES]):
        absorb_set(state, cell, other, d)


def add_real(into: Real, more: Real) -> None:
    """Add float statistics (F x 4) to others."""
    for f in range(into.shape[0]):
        into[f, NUMBER] += more[f, NUMBER]
        into[f, SUM] += more[f, SUM]
        into[f, LEAST] = min(into[f, LEAST], more[f, LEAST])
        into[f, MOST] = max(into[f, MOST], more[f, MOST])


def add_whole(into: Long, more: Long) -> None:
    """Add integer statistics (I x 5) to others."""
    for w in range(into.shape[0]):
        if more[w, NUMBER] == 0:
            continue
        if into[w, NUMBER] == 0:
            into[w, WHOLE_LEAST] = more[w, WHOLE_LEAST]
            into[w, WHOLE_MOST] = more[w, WHOLE_MOST]
        into[w, WHOLE_LEAST] = min(into[w, WHOLE_LEAST], more[w, WHOLE_LEAST])
        into[w, WHOLE_MOST] = max(into[w, WHOLE_MOST], more[w, WHOLE_MOST])
        into[w, NUMBER] += more[w, NUMBER]
        into[w, HIGH] += more[w, HIGH]
        into[w, LOW] += more[w, LOW]


def home_of(state: State, row: int, key: int) -> int:
    """Where the search for a row's cell of a key begins."""
    return (int(key) * 0x9E3779B1 + int(row) * 0x632BE5AB) & (state.table.size - 1)


def place_of_cell(state: State, row: int, key: int) -> int:
    """Where a row's cell of a key is in the table, or where it would be."""
    cells = state.cells
    mask = state.table.size - 1
    place = home_of(state, row, key)
    while True:
        cell = state.table[place]
        if cell < 0 or (cells[cell, OF_KEY] == key and cells[cell, OF_ROW] == row):
            return place
        place = (place + 1) & mask


def unlist_cell(state: State, cell: int) -> None:
    """Take a cell out of the table, so that no search for another ends too early.

    D. Knuth, The Art of Computer Programming, vol. 3, 6.4, algorithm R.
    """
    cells = state.cells
    mask = state.table.size - 1
    gap = place_of_cell(state, cells[cell, OF_ROW], cells[cell, OF_KEY])
    place = gap
    while True:
        place = (place + 1) & mask
        moved = state.table[place]
        if moved < 0:
            break
        home = home_of(state, cells[moved, OF_ROW], cells[moved, OF_KEY])
        if ((place - home) & mask) >= ((place - gap) & mask):
            state.table[gap] = moved
            gap = place
    state.table[gap] = NO_CELL


def list_cells(state: State) -> None:
    """Fill the empty table with the cells of all rows."""
    cells = state.cells
    for cell in range(cells.shape[0]):
        if cells[cell, OF_KEY] >= 0 and cells[cell, OF_ROW] >= 0:
            place = place_of_cell(state, cells[cell, OF_ROW], cells[cell, OF_KEY])
            state.table[place] = cell
