"""Kernels of time: watermarks by partition, idleness, and what may not enter."""

from streaming.windows.layout import (
    ABSENT,
    ACTIVE,
    CALENDAR,
    DAY_END,
    DAY_START,
    DISORDER,
    DRIFT,
    FIRED,
    FLOOR,
    GREATEST,
    IDLE,
    LIMIT_MS,
    LOWEST,
    NEVER,
    NEVER_YET,
    NOW,
    OUT_OF_RANGE,
    OWNER,
    RETURNED,
    SEEN,
    STATUS,
    TOO_FAR_AHEAD,
    TS,
    WATERMARK,
    WINDOW,
    Events,
    State,
)


def closed_until(state: State, partition: int) -> int:
    """Until where the windows of a partition's events are closed to them.

    This is its own watermark or, if later, the overall one when it came back from
    being idle. Lateness allowed is not counted in.
    """
    returned = state.partitions[partition, RETURNED]
    greatest = state.partitions[partition, GREATEST]
    if state.partitions[partition, STATUS] == IDLE:
        fired = max(state.clock[FIRED], state.partitions[partition, FLOOR])
        returned = max(returned, fired)
    if greatest == NEVER_YET:
        return int(returned)
    return int(max(returned, greatest - state.clock[DISORDER]))


def emitted_until(state: State, key: int) -> int:
    """Until where the windows of a key have been emitted."""
    owner = state.keys[key, OWNER]
    fired = state.clock[FIRED]
    if owner < 0:
        return int(fired)
    return int(max(fired, state.partitions[owner, FLOOR]))


def refused(state: State, events: Events, i: int) -> int:
    """The kind of line that says why an event may not enter; WINDOW if it may."""
    ts = events.longs[TS, i]
    drift = state.clock[DRIFT]
    now = state.clock[NOW]
    if drift >= 0 and now != NEVER_YET and ts > now + drift:
        return TOO_FAR_AHEAD
    if ts > LIMIT_MS or ts < -LIMIT_MS:
        return OUT_OF_RANGE
    if (
        state.clock[CALENDAR]
        and not events.longs[DAY_START, i] <= ts < events.longs[DAY_END, i]
    ):
        return OUT_OF_RANGE
    return WINDOW


def wake(state: State, partition: int) -> None:
    """Take note that a partition has an event, whether or not it was idle."""
    partitions = state.partitions
    clock = state.clock
    if partitions[partition, STATUS] == IDLE:
        partitions[partition, STATUS] = ACTIVE
        fired = max(clock[FIRED], partitions[partition, FLOOR])
        partitions[partition, RETURNED] = max(partitions[partition, RETURNED], fired)
        clock[LOWEST] = min(clock[LOWEST], partitions[partition, GREATEST])
    partitions[partition, SEEN] = clock[NOW]


def observe(state: State, partition: int, ts: int) -> None:
    """Move the watermarks on after an event has been counted."""
    partitions = state.partitions
    before = partitions[partition, GREATEST]
    if ts > before:
        partitions[partition, GREATEST] = ts
        if before <= state.clock[LOWEST]:
            advance(state)


def advance(state: State) -> None:
    """Set the watermark to the minimum over the partitions that are not idle.

    When all are idle it is the most advanced one's, as in Flink's valve for idle
    inputs. It never goes back.
    """
    partitions = state.partitions
    clock = state.clock
    lowest = NEVER
    highest = NEVER_YET
    for p in range(partitions.shape[0]):
        if partitions[p, STATUS] == ACTIVE:
            lowest = min(lowest, partitions[p, GREATEST])
        elif partitions[p, STATUS] == IDLE:
            highest = max(highest, partitions[p, GREATEST])
    if lowest == NEVER:
        lowest = highest
    clock[LOWEST] = lowest
    if lowest > NEVER_YET:
        clock[WATERMARK] = max(clock[WATERMARK], lowest - state.clock[DISORDER])


def rest(state: State, now: int, timeout: int, busy: int) -> None:
    """Let the partitions without an event for `timeout` be idle, all but `busy`."""
    partitions = state.partitions
    changed = False
    for p in range(partitions.shape[0]):
        if partitions[p, STATUS] == ABSENT:
            continue
        if partitions[p, SEEN] == NEVER_YET:
            partitions[p, SEEN] = now
        silent = now - partitions[p, SEEN] >= timeout
        if p != busy and partitions[p, STATUS] == ACTIVE and silent:
            partitions[p, STATUS] = IDLE
            changed = True
    if changed:
        advance(state)
