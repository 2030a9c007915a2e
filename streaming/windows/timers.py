"""Kernels of a heap of timers: the session that ends first is on top.

Sessions that end together are ordered by their key. A session that has grown keeps the
timer that it has; when that comes up, it is set anew.
"""

from streaming.windows.layout import (
    DUE,
    OF_KEY,
    TIMERS,
    WAITING,
    State,
)


def push_timer(state: State, due: int, cell: int) -> None:
    """Set a timer for a cell; there is never more than one for each."""
    place = state.clock[TIMERS]
    state.clock[TIMERS] = place + 1
    while place > 0:
        parent = (place - 1) >> 1
        if not is_before(state, due, cell, parent):
            break
        state.timers[place, DUE] = state.timers[parent, DUE]
        state.timers[place, WAITING] = state.timers[parent, WAITING]
        place = parent
    state.timers[place, DUE] = due
    state.timers[place, WAITING] = cell


def pop_timer(state: State) -> int:
    """Take the first timer away; gives its cell."""
    popped = state.timers[0, WAITING]
    left = state.clock[TIMERS] - 1
    state.clock[TIMERS] = left
    due = state.timers[left, DUE]
    cell = state.timers[left, WAITING]
    place = 0
    while 2 * place + 1 < left:
        child = 2 * place + 1
        right = child + 1
        if right < left and is_before(
            state, state.timers[right, DUE], state.timers[right, WAITING], child
        ):
            child = right
        if is_before(state, due, cell, child):
            break
        state.timers[place, DUE] = state.timers[child, DUE]
        state.timers[place, WAITING] = state.timers[child, WAITING]
        place = child
    state.timers[place, DUE] = due
    state.timers[place, WAITING] = cell
    return int(popped)


def is_before(state: State, due: int, cell: int, place: int) -> bool:
    """Whether a timer comes before the one at a place of the heap."""
    other = state.timers[place, DUE]
    if due != other:
        return bool(due < other)
    mine = state.cells[cell, OF_KEY]
    theirs = state.cells[state.timers[place, WAITING], OF_KEY]
    return bool(mine < theirs)
