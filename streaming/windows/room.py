"""The arrays of a new engine, and how they grow."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from streaming.windows import layout as at
from streaming.windows.definition import StreamRules, WindowDefinition
from streaming.windows.layout import NEVER, NEVER_YET, NO_CELL, PERCENTILES, State
from streaming.windows.slots import SlotSpec

_AT_FIRST = 64
_Array = TypeVar("_Array", NDArray[np.int64], NDArray[np.int32], NDArray[np.float64])


def new_state(
    definition: WindowDefinition, rules: StreamRules, slots: Sequence[SlotSpec]
) -> State:
    """Empty state with a little room of everything."""
    quantiles = _quantile_slots(slots)
    sketches = quantiles.shape[0]
    reals, wholes, identities = (
        sum(slot.kind == kind for slot in slots)
        for kind in ("float", "integer", "identity")
    )
    state = State(
        clock=_clock(definition, rules, sketches, identities),
        quantile_slots=quantiles,
        partitions=_longs(0, at.PARTITION_COLUMNS),
        rows=_longs(0, at.ROW_COLUMNS),
        cells=_ids(0, at.CELL_COLUMNS),
        facts=_longs(0, at.FACTS),
        real=np.zeros((0, reals, 4)),
        whole=_longs(0, wholes, 5),
        sketches=_ids(0, sketches + 2 * identities),
        table=_ids(0),
        keys=_ids(0, at.KEY_COLUMNS),
        timers=_longs(0, at.TIMER_COLUMNS),
        chunks=_ids(0, at.BODY + at.BINS),
        sets=_longs(0, at.BODY + at.WORDS),
        remembered=new_table(_AT_FIRST),
        revised=new_table(_AT_FIRST),
        lines=_longs(0, at.LINE),
        line_real=np.zeros((0, reals, 4)),
        line_whole=_longs(0, wholes, 5),
        estimates=np.zeros((0, len(PERCENTILES) * sketches + identities)),
        listed=_ids(0),
        gathered=_longs(0),
        union=_longs(at.EXACT + 1),
        registers=_longs(at.REGISTERS + 1),
    )
    state = more_cells(more_rows(more_output(state)))
    return more_sets(more_chunks(state))


def more_partitions(state: State, number: int) -> State:
    """Room for partitions numbered below `number`."""
    extra = number - state.partitions.shape[0]
    if extra <= 0:
        return state
    longer = _longer(state.partitions, extra, NEVER_YET)
    longer[-extra:, at.STATUS] = at.ABSENT
    return state._replace(partitions=longer)


def more_keys(state: State, number: int) -> State:
    """Room for keys whose ids are below `number`."""
    size = state.keys.shape[0]
    if number <= size:
        return state
    extra = max(number, 2 * size, _AT_FIRST) - size
    keys = _longer(state.keys, extra)
    keys[size:, [at.OWNER, at.HEAD]] = NO_CELL
    return state._replace(keys=keys, listed=_ids(size + extra))


def more_cells(state: State) -> State:
    """Twice the cells; the table that finds them is empty afterwards."""
    extra = max(state.cells.shape[0], _AT_FIRST)
    cells = _longer(state.cells, extra)
    cells[-extra:, at.OF_KEY] = NO_CELL
    sketches = _longer(state.sketches, extra)
    sketches[-extra:, : state.clock[at.KNOWN_AT]] = NO_CELL
    _list_free(cells[:, at.FREE_CELL], state.clock, at.FREE_CELLS, extra)
    return state._replace(
        cells=cells,
        facts=_longer(state.facts, extra),
        real=_longer(state.real, extra),
        whole=_longer(state.whole, extra),
        sketches=sketches,
        table=np.full(4 * cells.shape[0], NO_CELL, np.int32),
        timers=_longer(state.timers, extra),
    )


def more_rows(state: State) -> State:
    """Twice the rows."""
    extra = max(state.rows.shape[0], _AT_FIRST)
    rows = _longer(state.rows, extra)
    _list_free(rows[:, at.FREE_ROW], state.clock, at.FREE_ROWS, extra)
    return state._replace(rows=rows)


def more_chunks(state: State) -> State:
    """Twice the chunks of histograms; none where no quantile is asked for."""
    if not state.quantile_slots.shape[0]:
        return state
    extra = max(state.chunks.shape[0], _AT_FIRST)
    chunks = _longer(state.chunks, extra)
    _list_free(chunks[:, at.FREE_CHUNK], state.clock, at.FREE_CHUNKS, extra)
    return state._replace(chunks=chunks, gathered=_longs(chunks.shape[0]))


def more_sets(state: State) -> State:
    """Twice the chunks of sets; none where no distinct count is asked for."""
    identities = int(state.clock[at.IDENTITIES])
    if not identities:
        return state
    extra = max(state.sets.shape[0], 4 * _AT_FIRST * identities)
    sets = _longer(state.sets, extra)
    _list_free(sets[:, at.FREE_CHUNK], state.clock, at.FREE_SETS, extra)
    return state._replace(sets=sets)


def more_output(state: State) -> State:
    """Twice the lines; those written stay."""
    extra = max(state.lines.shape[0], _AT_FIRST)
    return state._replace(
        lines=_longer(state.lines, extra),
        line_real=_longer(state.line_real, extra),
        line_whole=_longer(state.line_whole, extra),
        estimates=_longer(state.estimates, extra),
    )


def new_table(places: int) -> NDArray[np.int64]:
    """An empty table; `places` is a power of two."""
    return _longs(places, at.TABLE_COLUMNS)


def _clock(
    definition: WindowDefinition, rules: StreamRules, sketches: int, identities: int
) -> NDArray[np.int64]:
    clock = _longs(at.CLOCK)
    clock[[at.WATERMARK, at.FIRED, at.LOWEST, at.NOW]] = NEVER_YET
    clock[at.NEXT_END] = NEVER
    clock[at.SIZE] = definition.size_ms or 0
    clock[at.SLIDE] = definition.step_ms
    clock[at.OFFSET] = definition.offset_ms
    clock[at.GAP] = definition.gap_ms or 0
    clock[at.LATENESS] = definition.allowed_lateness_ms
    clock[at.CALENDAR] = definition.type == "calendar_day"
    clock[at.DISORDER] = rules.out_of_orderness_ms
    drift = rules.max_future_drift_ms
    clock[at.DRIFT] = -1 if drift is None else drift
    clock[at.DEDUP] = rules.dedup_by_id
    clock[at.IDENTITIES] = identities
    clock[at.SETS_AT] = sketches
    clock[at.KNOWN_AT] = sketches + identities
    return clock


def _quantile_slots(slots: Sequence[SlotSpec]) -> NDArray[np.int64]:
    found = []
    places = {"float": 0, "integer": 0, "identity": 0}
    for slot in slots:
        if slot.quantiles:
            found.append((slot.kind == "integer", places[slot.kind]))
        places[slot.kind] += 1
    return np.array(found, np.int64).reshape(-1, 2)


def _longer(held: _Array, extra: int, fill: int = 0) -> _Array:
    more = np.full((extra, *held.shape[1:]), fill, held.dtype)
    return np.concatenate((held, more))


def _list_free(
    listed: NDArray[np.int32] | NDArray[np.int64],
    clock: NDArray[np.int64],
    place: int,
    extra: int,
) -> None:
    """Put new numbers below those still free; of the new, low ones are used first."""
    left = int(clock[place])
    size = listed.size
    listed[extra : extra + left] = listed[:left].copy()
    listed[:extra] = np.arange(size - 1, size - extra - 1, -1)
    clock[place] = left + extra


def _longs(*shape: int) -> NDArray[np.int64]:
    return np.zeros(shape, np.int64)


def _ids(*shape: int) -> NDArray[np.int32]:
    return np.zeros(shape, np.int32)
