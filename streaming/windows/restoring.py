"""Kernels that put kept cells and sessions back into an engine's state."""

from streaming.windows.cells import take_cell
from streaming.windows.distinct import new_set
from streaming.windows.histograms import new_chunk
from streaming.windows.layout import (
    BEGIN,
    BODY,
    FINISH,
    FOLLOWING,
    HEAD,
    NO_CELL,
    STAGE,
    TIMES,
    Long,
    Short,
    State,
)
from streaming.windows.rows import cell_in_row
from streaming.windows.sessions import OPEN
from streaming.windows.timers import push_timer


def place_cells(state: State, rows: Long, keys: Long, into: Long) -> None:
    """Make a cell for each of n rows and keys; needs as many free ones."""
    for i in range(rows.size):
        into[i] = cell_in_row(state, rows[i], keys[i])


def place_sessions(state: State, keys: Long, sessions: Long, into: Long) -> None:
    """Make n sessions (n x 4: start, end, revision, stage), in the order of chains."""
    for i in range(keys.size):
        cell = take_cell(state, NO_CELL, keys[i])
        last = NO_CELL
        after = state.keys[keys[i], HEAD]
        while after >= 0:
            last = after
            after = state.cells[after, FOLLOWING]
        if last < 0:
            state.keys[keys[i], HEAD] = cell
        else:
            state.cells[last, FOLLOWING] = cell
        state.facts[cell, BEGIN] = sessions[i, 0]
        state.facts[cell, FINISH] = sessions[i, 1]
        state.facts[cell, TIMES] = sessions[i, 2]
        state.facts[cell, STAGE] = sessions[i, 3]
        if sessions[i, 3] == OPEN:
            push_timer(state, sessions[i, 1], cell)
        into[i] = cell


def place_chunks(
    state: State, cells: Long, slots: Long, places: Long, counts: Short
) -> None:
    """Give cells chunks of histograms; each comes before those of its cell so far."""
    for i in range(cells.size):
        chunk = new_chunk(state, cells[i], slots[i], places[i])
        for b in range(counts.shape[1]):
            state.chunks[chunk, BODY + b] = counts[i, b]


def place_sets(
    state: State, cells: Long, slots: Long, places: Long, words: Long
) -> None:
    """Give cells chunks of sets; each comes before those of its cell so far."""
    for i in range(cells.size):
        chunk = new_set(state, cells[i], slots[i], places[i])
        for w in range(words.shape[1]):
            state.sets[chunk, BODY + w] = words[i, w]
