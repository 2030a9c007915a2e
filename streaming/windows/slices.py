"""Kernels of tumbling and hopping windows and days: one update for each event."""

from streaming.windows.ahead import read_ahead
from streaming.windows.cells import fold, place_of_cell
from streaming.windows.distinct import MOST_SETS, clear_union, join_union, union_size
from streaming.windows.duplicates import is_duplicate, put_copy
from streaming.windows.histograms import gather_histogram
from streaming.windows.layout import (
    CALENDAR,
    CAUSE,
    CELLS_FULL,
    CHOSEN,
    CHUNKS_FULL,
    COUNT,
    DAY_END,
    DAY_START,
    DEDUP,
    DONE,
    DUPLICATE,
    EVENT_KEY,
    FIRED,
    FIRST,
    FLAG,
    FOLLOWING,
    FREE_CELLS,
    FREE_CHUNKS,
    FREE_ROWS,
    FREE_SETS,
    IDENTITIES,
    LAST,
    LATE,
    LATENESS,
    LEFT,
    MARK,
    NEXT_END,
    NOT_ASSIGNED,
    NOTE,
    OF_KEY,
    OFFSET,
    OUTPUT_FULL,
    OUTPUTS,
    OWNER,
    PARTITION,
    PARTLY_LATE,
    PERCENTILES,
    REMEMBERED,
    REMEMBERED_FULL,
    REVISED,
    REVISED_FULL,
    REVISION,
    ROW_END,
    ROW_HEAD,
    ROW_SIZE,
    ROW_START,
    ROWS_FULL,
    SETS_FULL,
    SIZE,
    SLIDE,
    STATUS,
    TS,
    USED,
    VALUE,
    WATERMARK,
    WINDOW,
    Events,
    Long,
    State,
)
from streaming.windows.lines import (
    add_cell,
    begin_window,
    read_quantiles,
    write_line,
)
from streaming.windows.rows import (
    cell_in_row,
    end_in_row,
    find_row,
    first_ending_after,
    forget_closed,
    next_end,
    open_row,
    slice_of,
    start_of,
)
from streaming.windows.sorting import sort_ids
from streaming.windows.tables import place_of, put
from streaming.windows.watermarks import (
    closed_until,
    emitted_until,
    observe,
    refused,
    wake,
)


def run_slices(state: State, events: Events, begin: int) -> tuple[int, int]:
    """Take events from `begin` on; gives the first not taken, and why it was not."""
    i = ahead = begin
    state.clock[CAUSE] = begin - 1
    while True:
        if i == ahead:
            ahead = read_ahead(state, events, i)
        status = fire_due(state)
        if status == DONE and i < events.longs.shape[1]:
            status = lacking(state, events, i)
        if status != DONE or i == events.longs.shape[1]:
            return i, status
        state.clock[CAUSE] = i
        take_event(state, events, i)
        i += 1


def lacking(state: State, events: Events, i: int) -> int:
    """What there is not enough of to take one more event; DONE if there is."""
    clock = state.clock
    if state.partitions[events.longs[PARTITION, i], STATUS] == 0:
        return NOT_ASSIGNED
    overlap = 1
    if state.clock[LATENESS] and not state.clock[CALENDAR]:
        overlap = state.clock[SIZE] // state.clock[SLIDE] + 1
    if clock[OUTPUTS] + overlap + 2 > state.lines.shape[0]:
        return OUTPUT_FULL
    if clock[FREE_CELLS] == 0:
        return CELLS_FULL
    if clock[FREE_ROWS] == 0:
        return ROWS_FULL
    return lacking_for_values(state, overlap)


def lacking_for_values(state: State, overlap: int) -> int:
    """The same for sketches and tables."""
    clock = state.clock
    if clock[FREE_CHUNKS] < state.quantile_slots.shape[0]:
        return CHUNKS_FULL
    if clock[FREE_SETS] < state.clock[IDENTITIES] * MOST_SETS:
        return SETS_FULL
    if state.clock[DEDUP] and 2 * clock[REMEMBERED] >= state.remembered.shape[0]:
        return REMEMBERED_FULL
    revised = 2 * (clock[REVISED] + overlap)
    if state.clock[LATENESS] and revised >= state.revised.shape[0]:
        return REVISED_FULL
    return DONE


def take_event(state: State, events: Events, i: int) -> None:
    """Count an event for its windows, or say why not; then move the watermark."""
    partition = events.longs[PARTITION, i]
    key = events.longs[EVENT_KEY, i]
    ts = events.longs[TS, i]
    kind = refused(state, events, i)
    if kind != WINDOW:
        write_line(state, kind, key, ts, ts, 0, i)
        return
    cut, first, last = slice_of(state, events, i)
    if state.keys[key, OWNER] < 0:
        state.keys[key, OWNER] = partition
    end = events.longs[DAY_END, i] if state.clock[CALENDAR] else end_of(state, last)
    if is_duplicate(state, events, i, end):
        write_line(state, DUPLICATE, key, ts, ts, 0, i)
        return
    wake(state, partition)
    closed = closed_until(state, partition) - state.clock[LATENESS]
    if end <= closed:
        start = (
            events.longs[DAY_START, i]
            if state.clock[CALENDAR]
            else start_of(state, first)
        )
        write_line(state, LATE, key, start, end, last - first + 1, i)
    else:
        first = skip_closed(state, events, i, first, closed)
        row = open_row(state, events, i, cut, first, last)
        fold(state, events, i, cell_in_row(state, row, key))
        if state.clock[LATENESS]:
            revise(state, row, key)
    observe(state, partition, ts)


def skip_closed(state: State, events: Events, i: int, first: int, closed: int) -> int:
    """The first of an event's windows that it is not late for; says what it missed."""
    if state.clock[CALENDAR] or end_of(state, first) > closed:
        return first
    still = first_ending_after(state, closed)
    start = start_of(state, first)
    end = end_of(state, still - 1)
    write_line(
        state, PARTLY_LATE, events.longs[EVENT_KEY, i], start, end, still - first, i
    )
    return still


def end_of(state: State, window: int) -> int:
    """Where a window ends; not for calendar days."""
    return int(start_of(state, window) + state.clock[SIZE])


def revise(state: State, row: int, key: int) -> None:
    """Emit again those windows of a row that were emitted for its key before."""
    emitted = emitted_until(state, key)
    for window in range(state.rows[row, FIRST], state.rows[row, LAST] + 1):
        end = end_in_row(state, row, window)
        if end > emitted:
            return
        chosen = choose_rows(state, end)
        line = emit_key(state, key, end, chosen)
        # The first event of a window that was empty when it was due is no revision.
        if state.lines[line, COUNT] > 1:
            place = place_of(state.revised, window, key)
            if put(state.revised, place, window, key):
                state.clock[REVISED] += 1
                state.revised[place, VALUE] = 0
            state.revised[place, VALUE] += 1
            state.revised[place, NOTE] = key
            state.lines[line, REVISION] = state.revised[place, VALUE]


def fire_due(state: State) -> int:
    """Emit the windows that the watermark has passed, in order of their ends."""
    clock = state.clock
    if clock[WATERMARK] < clock[NEXT_END]:
        clock[FIRED] = max(clock[FIRED], clock[WATERMARK])
        return DONE
    while clock[NEXT_END] <= clock[WATERMARK]:
        end = clock[NEXT_END]
        if not fire_ending(state, end):
            return OUTPUT_FULL
        clock[FIRED] = end
        next_end(state)
    clock[FIRED] = max(clock[FIRED], clock[WATERMARK])
    forget_closed(state)
    next_end(state)
    return DONE


def fire_ending(state: State, end: int) -> bool:
    """Emit the window that ends there, key by key; False if there is no room."""
    chosen = choose_rows(state, end)
    listed = state.listed
    most = 0
    for at in range(chosen):
        most += state.rows[state.rows[at, CHOSEN], ROW_SIZE]
    if state.clock[OUTPUTS] + most > state.lines.shape[0]:
        return False
    found = 0
    for at in range(chosen):
        cell = state.rows[state.rows[at, CHOSEN], ROW_HEAD]
        while cell >= 0:
            key = state.cells[cell, OF_KEY]
            if not state.keys[key, MARK]:
                state.keys[key, MARK] = 1
                listed[found] = key
                found += 1
            cell = state.cells[cell, FOLLOWING]
    sort_ids(listed, found)
    for at in range(found):
        key = listed[at]
        state.keys[key, MARK] = 0
        if emitted_until(state, key) < end:
            emit_key(state, key, end, chosen)
    return True


def choose_rows(state: State, end: int) -> int:
    """List the rows that count for the window ending there; gives how many."""
    rows = state.rows
    window = 0
    if not state.clock[CALENDAR]:
        since = end - state.clock[SIZE] - state.clock[OFFSET]
        window = since // state.clock[SLIDE]
    found = 0
    for row in range(rows.shape[0]):
        if not rows[row, USED]:
            continue
        if state.clock[CALENDAR]:
            holds = rows[row, ROW_END] == end
        else:
            holds = rows[row, FIRST] <= window <= rows[row, LAST]
        if holds:
            rows[found, CHOSEN] = row
            found += 1
    return found


def emit_key(state: State, key: int, end: int, chosen: int) -> int:
    """Write the line of a key's window from the chosen rows."""
    rows = state.rows
    if state.clock[CALENDAR]:
        start = rows[rows[0, CHOSEN], ROW_START]
    else:
        start = end - state.clock[SIZE]
    line = begin_window(state, key, start, end)
    for at in range(chosen):
        cell = cell_of(state, rows[at, CHOSEN], key)
        if cell >= 0:
            add_cell(state, line, cell)
    for q in range(state.quantile_slots.shape[0]):
        found = 0
        for at in range(chosen):
            cell = cell_of(state, rows[at, CHOSEN], key)
            if cell >= 0:
                found = gather_histogram(state, cell, q, found)
        read_quantiles(state, line, q, found)
    for d in range(state.clock[IDENTITIES]):
        clear_union(state)
        for at in range(chosen):
            cell = cell_of(state, rows[at, CHOSEN], key)
            if cell >= 0:
                join_union(state, cell, d)
        first = len(PERCENTILES) * state.quantile_slots.shape[0]
        state.estimates[line, first + d] = union_size(state)
    return line


def cell_of(state: State, row: int, key: int) -> int:
    """The cell of a key in a row, or -1."""
    return int(state.table[place_of_cell(state, row, key)])


def copy_revised(state: State, into: Long) -> None:
    """Put the revisions of windows still open to events into an empty table."""
    table = state.revised
    state.clock[REVISED] = 0
    for place in range(table.shape[0]):
        if not table[place, FLAG]:
            continue
        window = table[place, LEFT]
        closed = emitted_until(state, table[place, NOTE]) - state.clock[LATENESS]
        if state.clock[CALENDAR]:
            is_open = find_row(state, window, window) >= 0
        else:
            is_open = end_of(state, window) > closed
        if is_open:
            put_copy(table, place, into)
            state.clock[REVISED] += 1
