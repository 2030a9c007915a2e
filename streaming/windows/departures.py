"""Kernels that forget keys whose partition has moved elsewhere."""

from streaming.windows.cells import give_cell, unlist_cell
from streaming.windows.duplicates import put_copy
from streaming.windows.layout import (
    FLAG,
    FOLLOWING,
    HEAD,
    NO_CELL,
    NOTE,
    OF_KEY,
    ROW_HEAD,
    ROW_SIZE,
    USED,
    Long,
    State,
    Tiny,
)
from streaming.windows.sessions import release, unchain


def forget_keys(state: State, gone: Tiny) -> None:
    """Give back the cells of the keys for which `gone` (K) is set."""
    for row in range(state.rows.shape[0]):
        if state.rows[row, USED]:
            forget_in_row(state, row, gone)
    for key in range(gone.size):
        while gone[key] and state.keys[key, HEAD] != NO_CELL:
            cell = state.keys[key, HEAD]
            unchain(state, NO_CELL, cell)
            release(state, cell)


def forget_in_row(state: State, row: int, gone: Tiny) -> None:
    """The same within one row; the row stays, empty or not."""
    cells = state.cells
    before = NO_CELL
    cell = state.rows[row, ROW_HEAD]
    while cell >= 0:
        after = cells[cell, FOLLOWING]
        if gone[cells[cell, OF_KEY]]:
            if before < 0:
                state.rows[row, ROW_HEAD] = after
            else:
                cells[before, FOLLOWING] = after
            state.rows[row, ROW_SIZE] -= 1
            unlist_cell(state, cell)
            give_cell(state, cell)
        else:
            before = cell
        cell = after


def copy_staying(table: Long, gone: Tiny, into: Long) -> int:
    """Put the entries of the other keys into an empty table; gives how many."""
    copied = 0
    for place in range(table.shape[0]):
        if table[place, FLAG] and not gone[table[place, NOTE]]:
            put_copy(table, place, into)
            copied += 1
    return copied
