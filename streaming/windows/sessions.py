"""Kernels of session windows: a short chain per key, merged where they touch."""

from streaming.windows.ahead import read_ahead
from streaming.windows.cells import absorb, fold, give_cell, take_cell
from streaming.windows.distinct import MOST_SETS
from streaming.windows.duplicates import is_duplicate
from streaming.windows.layout import (
    BEGIN,
    CAUSE,
    CELLS_FULL,
    DONE,
    DUE,
    DUPLICATE,
    EVENT_KEY,
    FINISH,
    FIRED,
    FOLLOWING,
    FREE_CELLS,
    FREE_SETS,
    GAP,
    HEAD,
    IDENTITIES,
    LATE,
    LATENESS,
    NO_CELL,
    NOT_ASSIGNED,
    OF_KEY,
    OUTPUT_FULL,
    OUTPUTS,
    OWNER,
    PARTITION,
    RETRACTION,
    SETS_FULL,
    STAGE,
    STATUS,
    TIMERS,
    TIMES,
    TOUCHED,
    TS,
    WATERMARK,
    WINDOW,
    Events,
    State,
)
from streaming.windows.lines import (
    begin_window,
    read_session,
    write_line,
)
from streaming.windows.slices import lacking_for_values
from streaming.windows.timers import pop_timer, push_timer
from streaming.windows.watermarks import (
    closed_until,
    emitted_until,
    observe,
    refused,
    wake,
)

# What a cell's session is: not yet emitted (it has a timer), emitted, or merged into
# another while its timer is still set.
OPEN, EMITTED, MERGED = 1, 2, 3


def run_sessions(state: State, events: Events, begin: int) -> tuple[int, int]:
    """Take events from `begin` on; gives the first not taken, and why it was not."""
    i = ahead = begin
    state.clock[CAUSE] = begin - 1
    while True:
        if i == ahead:
            ahead = read_ahead(state, events, i)
        status = close_due(state)
        if status == DONE and i < events.longs.shape[1]:
            status = lacking_for_session(state, events, i)
        if status != DONE or i == events.longs.shape[1]:
            return i, status
        state.clock[CAUSE] = i
        take_session_event(state, events, i)
        i += 1


def lacking_for_session(state: State, events: Events, i: int) -> int:
    """What there is not enough of to take one more event; DONE if there is."""
    if state.partitions[events.longs[PARTITION, i], STATUS] == 0:
        return NOT_ASSIGNED
    lines = 3
    if state.clock[LATENESS]:  # only then are there sessions to retract
        cell = state.keys[events.longs[EVENT_KEY, i], HEAD]
        while cell >= 0:
            lines += 1
            cell = state.cells[cell, FOLLOWING]
    if state.clock[OUTPUTS] + lines > state.lines.shape[0]:
        return OUTPUT_FULL
    if state.clock[FREE_CELLS] == 0:
        return CELLS_FULL
    # Merged sets may need room while those that they come from are not free yet.
    if state.clock[FREE_SETS] < 4 * state.clock[IDENTITIES] * MOST_SETS:
        return SETS_FULL
    return lacking_for_values(state, 0)


def take_session_event(state: State, events: Events, i: int) -> None:
    """Count an event for its session, or say why not; then move the watermark."""
    partition = events.longs[PARTITION, i]
    key = events.longs[EVENT_KEY, i]
    ts = events.longs[TS, i]
    kind = refused(state, events, i)
    if kind != WINDOW:
        write_line(state, kind, key, ts, ts, 0, i)
        return
    if state.keys[key, OWNER] < 0:
        state.keys[key, OWNER] = partition
    if is_duplicate(state, events, i, ts + state.clock[GAP]):
        write_line(state, DUPLICATE, key, ts, ts, 0, i)
        return
    wake(state, partition)
    closed = closed_until(state, partition) - state.clock[LATENESS]
    low, high = extent_with(state, key, ts, closed)
    if high <= closed:
        write_line(state, LATE, key, ts, ts + state.clock[GAP], 1, i)
    else:
        cell = merge_touching(state, key, ts, closed, low, high)
        fold(state, events, i, cell)
        settle(state, cell, low, high)
    observe(state, partition, ts)


def touches(state: State, cell: int, ts: int, closed: int) -> bool:
    """Whether a session still takes events and reaches the window of one."""
    if state.facts[cell, FINISH] <= closed:
        return False
    near = state.facts[cell, BEGIN] <= ts + state.clock[GAP]
    return bool(near and state.facts[cell, FINISH] >= ts)


def extent_with(state: State, key: int, ts: int, closed: int) -> tuple[int, int]:
    """Start and end of the session that an event makes with those it touches."""
    low = ts
    high = ts + state.clock[GAP]
    cell = state.keys[key, HEAD]
    while cell >= 0:
        if touches(state, cell, ts, closed):
            low = min(low, state.facts[cell, BEGIN])
            high = max(high, state.facts[cell, FINISH])
        cell = state.cells[cell, FOLLOWING]
    return low, high


def merge_touching(  # noqa: PLR0913, PLR0917 - an event and the session it makes
    state: State, key: int, ts: int, closed: int, low: int, high: int
) -> int:
    """The one cell of all sessions that an event touches, a new one if none.

    What was emitted of them is retracted unless it keeps its start and end.
    """
    cells = state.cells
    target = NO_CELL
    before = NO_CELL
    cell = state.keys[key, HEAD]
    while cell >= 0:
        after = cells[cell, FOLLOWING]
        if touches(state, cell, ts, closed):
            retract_if_changed(state, cell, low, high)
            if target < 0:
                target = cell
                before = cell
            else:
                absorb(state, target, cell)
                cells[before, FOLLOWING] = after
                release(state, cell)
        elif is_over(state, cell):
            unchain(state, before, cell)
            release(state, cell)
        else:
            before = cell
        cell = after
    if target < 0:
        target = take_cell(state, NO_CELL, key)
        state.facts[target, STAGE] = 0
        state.facts[target, TIMES] = 0
        chain(state, target, low)
    state.keys[key, TOUCHED] = 1
    return int(target)


def retract_if_changed(state: State, cell: int, low: int, high: int) -> None:
    """Take back what was emitted of a session whose start or end is another now."""
    start = state.facts[cell, BEGIN]
    end = state.facts[cell, FINISH]
    if state.facts[cell, STAGE] == EMITTED and (start != low or end != high):
        write_line(
            state,
            RETRACTION,
            state.cells[cell, OF_KEY],
            start,
            end,
            0,
            state.clock[CAUSE],
        )
        state.facts[cell, STAGE] = 0
        state.facts[cell, TIMES] = 0


def is_over(state: State, cell: int) -> bool:
    """Whether a session was emitted and takes no events of any partition."""
    end = state.facts[cell, FINISH] + state.clock[LATENESS]
    return bool(state.facts[cell, STAGE] == EMITTED and end <= state.clock[FIRED])


def chain(state: State, cell: int, start: int) -> None:
    """Put a session into its key's chain before those that start later."""
    key = state.cells[cell, OF_KEY]
    before = NO_CELL
    after = state.keys[key, HEAD]
    while after >= 0 and state.facts[after, BEGIN] < start:
        before = after
        after = state.cells[after, FOLLOWING]
    state.cells[cell, FOLLOWING] = after
    if before < 0:
        state.keys[key, HEAD] = cell
    else:
        state.cells[before, FOLLOWING] = cell


def unchain(state: State, before: int, cell: int) -> None:
    """Take the session after `before` out of its key's chain."""
    if before < 0:
        state.keys[state.cells[cell, OF_KEY], HEAD] = state.cells[cell, FOLLOWING]
    else:
        state.cells[before, FOLLOWING] = state.cells[cell, FOLLOWING]


def release(state: State, cell: int) -> None:
    """Give a session's cell back, or let its timer do so."""
    if state.facts[cell, STAGE] == OPEN:
        state.facts[cell, STAGE] = MERGED
    else:
        give_cell(state, cell)


def settle(state: State, cell: int, low: int, high: int) -> None:
    """Set a session's start and end; emit it if it should have been by now."""
    state.facts[cell, BEGIN] = low
    state.facts[cell, FINISH] = high
    if state.facts[cell, STAGE] == OPEN:
        return
    if high > emitted_until(state, state.cells[cell, OF_KEY]):
        state.facts[cell, STAGE] = OPEN
        push_timer(state, high, cell)
        return
    if state.facts[cell, STAGE] == EMITTED:
        state.facts[cell, TIMES] += 1
    state.facts[cell, STAGE] = EMITTED
    emit_session(state, cell)


def emit_session(state: State, cell: int) -> None:
    """Write the line of a session."""
    key = state.cells[cell, OF_KEY]
    line = begin_window(state, key, state.facts[cell, BEGIN], state.facts[cell, FINISH])
    read_session(state, line, cell)


def close_due(state: State) -> int:
    """Emit the sessions that the watermark has passed, in order of their ends."""
    clock = state.clock
    while clock[TIMERS] > 0 and state.timers[0, DUE] <= clock[WATERMARK]:
        if clock[OUTPUTS] == state.lines.shape[0]:
            return OUTPUT_FULL
        due = state.timers[0, DUE]
        cell = pop_timer(state)
        if state.facts[cell, STAGE] == MERGED:
            state.facts[cell, STAGE] = 0
            give_cell(state, cell)
        elif state.facts[cell, FINISH] > due:
            push_timer(state, state.facts[cell, FINISH], cell)
        else:
            state.facts[cell, STAGE] = EMITTED
            emit_session(state, cell)
            if state.clock[LATENESS] == 0:
                drop(state, cell)
    clock[FIRED] = max(clock[FIRED], clock[WATERMARK])
    return DONE


def drop(state: State, cell: int) -> None:
    """Take an emitted session out of its chain and give its cell back."""
    before = NO_CELL
    at = state.keys[state.cells[cell, OF_KEY], HEAD]
    while at != cell:
        before = at
        at = state.cells[at, FOLLOWING]
    unchain(state, before, cell)
    give_cell(state, cell)


def forget_over(state: State) -> None:
    """Give back the cells of all sessions that take no more events."""
    for key in range(state.keys.shape[0]):
        before = NO_CELL
        cell = state.keys[key, HEAD]
        while cell >= 0:
            after = state.cells[cell, FOLLOWING]
            if is_over(state, cell):
                unchain(state, before, cell)
                give_cell(state, cell)
            else:
                before = cell
            cell = after
