"""Kernels of rows: slices of time, and which windows hold them."""

from streaming.windows.cells import (
    give_cell,
    place_of_cell,
    take_cell,
    unlist_cell,
)
from streaming.windows.layout import (
    CALENDAR,
    CUT,
    DAY,
    DAY_END,
    DAY_START,
    FIRED,
    FIRST,
    FOLLOWING,
    FREE_ROW,
    FREE_ROWS,
    LAST,
    LATENESS,
    NEAR,
    NEVER,
    NEXT_END,
    NO_CELL,
    OFFSET,
    RECENT,
    ROW_END,
    ROW_HEAD,
    ROW_SIZE,
    ROW_START,
    SIZE,
    SLIDE,
    TS,
    USED,
    Events,
    State,
)


def slice_of(state: State, events: Events, i: int) -> tuple[int, int, int]:
    """The slice of an event, and the first and last window that hold it.

    Time is cut where windows start and end. With a remainder of size / slide each
    step holds two slices: before and after the end of an earlier window.
    """
    if state.clock[CALENDAR]:
        day = events.longs[DAY, i]
        return day, day, day
    size = state.clock[SIZE]
    slide = state.clock[SLIDE]
    since = events.longs[TS, i] - state.clock[OFFSET]
    step = since // slide
    remainder = size % slide
    overlap = size // slide
    if remainder == 0:
        return step, step - overlap + 1, step
    if since - step * slide < remainder:
        return 2 * step, step - overlap, step
    return 2 * step + 1, step - overlap + 1, step


def start_of(state: State, window: int) -> int:
    """Where a window starts; not for calendar days."""
    return int(window * state.clock[SLIDE] + state.clock[OFFSET])


def end_in_row(state: State, row: int, window: int) -> int:
    """Where a window of a row ends."""
    if state.clock[CALENDAR]:
        return int(state.rows[row, ROW_END])
    return int(start_of(state, window) + state.clock[SIZE])


def first_ending_after(state: State, instant: int) -> int:
    """The first window that ends after an instant; not for calendar days."""
    since = instant - state.clock[OFFSET] - state.clock[SIZE]
    return int(since // state.clock[SLIDE] + 1)


def open_row(  # noqa: PLR0913, PLR0917 - what names a row
    state: State, events: Events, i: int, cut: int, first: int, last: int
) -> int:
    """The row of a slice that counts for windows first to last, made if needed."""
    rows = state.rows
    near = cut & (RECENT - 1)
    row = rows[near, NEAR]
    if rows[row, USED] and rows[row, CUT] == cut and rows[row, FIRST] == first:
        return int(row)
    row = find_row(state, cut, first)
    if row < 0:
        row = take_row(state, cut, first, last)
        if state.clock[CALENDAR]:
            rows[row, ROW_START] = events.longs[DAY_START, i]
            rows[row, ROW_END] = events.longs[DAY_END, i]
        note_end(state, row)
    rows[near, NEAR] = row
    return row


def find_row(state: State, cut: int, first: int) -> int:
    """The row of a slice from a first window on, or -1."""
    rows = state.rows
    for row in range(rows.shape[0]):
        if rows[row, USED] and rows[row, CUT] == cut and rows[row, FIRST] == first:
            return row
    return -1


def take_row(state: State, cut: int, first: int, last: int) -> int:
    """A row without cells; needs a free one."""
    rows = state.rows
    state.clock[FREE_ROWS] -= 1
    row = rows[state.clock[FREE_ROWS], FREE_ROW]
    rows[row, USED] = 1
    rows[row, CUT] = cut
    rows[row, FIRST] = first
    rows[row, LAST] = last
    rows[row, ROW_HEAD] = NO_CELL
    rows[row, ROW_SIZE] = 0
    return int(row)


def note_end(state: State, row: int) -> None:
    """Let NEXT_END be no later than the end of the first open window of a row."""
    window = first_open(state, row)
    if window <= state.rows[row, LAST]:
        end = end_in_row(state, row, window)
        if end > state.clock[FIRED]:
            state.clock[NEXT_END] = min(state.clock[NEXT_END], end)


def first_open(state: State, row: int) -> int:
    """The first window of a row that has not been emitted yet."""
    first = state.rows[row, FIRST]
    if state.clock[CALENDAR]:
        is_open = state.rows[row, ROW_END] > state.clock[FIRED]
        return int(first if is_open else first + 1)
    return int(max(first, first_ending_after(state, state.clock[FIRED])))


def cell_in_row(state: State, row: int, key: int) -> int:
    """The cell of a key in a row, made if needed."""
    cells = state.cells
    place = place_of_cell(state, row, key)
    cell = state.table[place]
    if cell < 0:
        cell = take_cell(state, row, key)
        state.table[place] = cell
        cells[cell, FOLLOWING] = state.rows[row, ROW_HEAD]
        state.rows[row, ROW_HEAD] = cell
        state.rows[row, ROW_SIZE] += 1
    return int(cell)


def next_end(state: State) -> int:
    """The first end of a window that holds something and was not emitted."""
    state.clock[NEXT_END] = NEVER
    for row in range(state.rows.shape[0]):
        if state.rows[row, USED]:
            note_end(state, row)
    return int(state.clock[NEXT_END])


def forget_closed(state: State) -> None:
    """Give the rows back whose last window takes no more events."""
    rows = state.rows
    closed = state.clock[FIRED] - state.clock[LATENESS]
    for row in range(rows.shape[0]):
        if rows[row, USED] and end_in_row(state, row, rows[row, LAST]) <= closed:
            forget_row(state, row)


def forget_row(state: State, row: int) -> None:
    """Give a row and its cells back."""
    cell = state.rows[row, ROW_HEAD]
    while cell >= 0:
        following = state.cells[cell, FOLLOWING]
        unlist_cell(state, cell)
        give_cell(state, cell)
        cell = following
    state.rows[row, USED] = 0
    state.rows[state.clock[FREE_ROWS], FREE_ROW] = row
    state.clock[FREE_ROWS] += 1
