"""Kernels that read what the next events will need, before they need it.

With many keys hardly anything that an event counts in is still in the cache. Reads that
do not depend on each other are answered side by side; one event after the other would
wait for each.
"""

from streaming.windows.cells import home_of
from streaming.windows.layout import (
    EVENT_KEY,
    EVENTS,
    FOLLOWING,
    GAP,
    HEAD,
    LIMIT_MS,
    NEAR,
    NO_CELL,
    NUMBER,
    OF_KEY,
    OWNER,
    READ,
    RECENT,
    TS,
    Events,
    State,
)
from streaming.windows.rows import slice_of

# So many events at once; and a state of fewer cells is in the cache anyway.
AHEAD = 64
MANY_CELLS = 8_192


def read_ahead(state: State, events: Events, begin: int) -> int:
    """Read the cells of the next events; gives the first event that was left out."""
    end = min(begin + AHEAD, int(events.longs.shape[1]))
    if state.cells.shape[0] < MANY_CELLS:
        return end
    seen = 0
    for i in range(begin, end):
        seen += state.keys[events.longs[EVENT_KEY, i], OWNER]
        seen += likely_cell(state, events, i)
    for i in range(begin, end):
        cell = likely_cell(state, events, i)
        if cell >= 0:
            seen += touch_cell(state, cell)
    # Reads that nothing comes of would not be compiled.
    state.clock[READ] = seen
    return end


def likely_cell(state: State, events: Events, i: int) -> int:
    """The cell that an event most likely counts in, or one that it is looked for at."""
    key = events.longs[EVENT_KEY, i]
    if state.clock[GAP]:
        return int(state.keys[key, HEAD])
    if not -LIMIT_MS <= events.longs[TS, i] <= LIMIT_MS:
        return NO_CELL  # it will be refused
    cut, _, _ = slice_of(state, events, i)
    row = state.rows[cut & (RECENT - 1), NEAR]
    return int(state.table[home_of(state, row, key)])


def touch_cell(state: State, cell: int) -> int:
    """Read each part of a cell that an event changes."""
    seen = state.cells[cell, OF_KEY] + state.cells[cell, FOLLOWING]
    seen += state.facts[cell, EVENTS]
    for f in range(state.real.shape[1]):
        seen += state.real[cell, f, NUMBER] > 0
    for w in range(state.whole.shape[1]):
        seen += state.whole[cell, w, NUMBER]
    for column in range(state.sketches.shape[1]):
        seen += state.sketches[cell, column]
    return int(seen)
