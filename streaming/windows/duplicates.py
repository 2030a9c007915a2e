"""Kernels that remember the ids of events for as long as they could count again."""

from streaming.windows.layout import (
    BEGIN,
    DEDUP,
    EVENT_KEY,
    FINISH,
    FLAG,
    FOLLOWING,
    GAP,
    HEAD,
    ID,
    LATENESS,
    LEFT,
    NO_CELL,
    NOTE,
    PARTITION,
    REMEMBERED,
    RIGHT,
    VALUE,
    Events,
    Long,
    State,
)
from streaming.windows.tables import place_of, put
from streaming.windows.watermarks import closed_until, emitted_until


def is_duplicate(state: State, events: Events, i: int, last_end: int) -> bool:
    """Whether an event's id is remembered; from now on it is. Needs a free place.

    Ids are looked up key by key: equal keys share a partition, so that results do not
    depend on which partitions come together. `last_end` is the end of the last window
    of the event itself.
    """
    if not state.clock[DEDUP]:
        return False
    table = state.remembered
    place = place_of(table, events.longs[ID, i], events.longs[EVENT_KEY, i])
    closed = closed_until(state, events.longs[PARTITION, i])
    if table[place, FLAG] and could_count(state, place, closed):
        return True
    if put(table, place, events.longs[ID, i], events.longs[EVENT_KEY, i]):
        state.clock[REMEMBERED] += 1
    table[place, VALUE] = last_end
    table[place, NOTE] = events.longs[EVENT_KEY, i]
    return False


def could_count(state: State, place: int, closed: int) -> bool:
    """Whether a remembered event could count for a window not closed until there.

    Its last window takes no more events once the allowed lateness is over; but a
    session lives on with those that came after.
    """
    table = state.remembered
    key = table[place, NOTE]
    closed -= state.clock[LATENESS]
    end = table[place, VALUE]
    if end > closed:
        return True
    gap = state.clock[GAP]
    if not gap:
        return False
    cell = state.keys[key, HEAD]
    while cell != NO_CELL:
        alive = state.facts[cell, FINISH] > closed
        if alive and state.facts[cell, BEGIN] <= end - gap < state.facts[cell, FINISH]:
            return True
        cell = state.cells[cell, FOLLOWING]
    return False


def copy_remembered(state: State, into: Long) -> None:
    """Put what is still remembered into an empty table with room for all of it."""
    table = state.remembered
    state.clock[REMEMBERED] = 0
    for place in range(table.shape[0]):
        if table[place, FLAG]:
            closed = emitted_until(state, table[place, NOTE])
            if could_count(state, place, closed):
                put_copy(table, place, into)
                state.clock[REMEMBERED] += 1


def put_copy(table: Long, place: int, into: Long) -> None:
    """Copy one entry of a table into another."""
    left = table[place, LEFT]
    right = table[place, RIGHT]
    at = place_of(into, left, right)
    put(into, at, left, right)
    into[at, FLAG] = table[place, FLAG]
    into[at, VALUE] = table[place, VALUE]
    into[at, NOTE] = table[place, NOTE]
