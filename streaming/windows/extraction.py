"""Takes one partition's state out of an engine's arrays, all of it or what changed."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from streaming.windows import layout as at
from streaming.windows.kept_state import Kept
from streaming.windows.layout import State

Places = NDArray[np.intp]


def extract(state: State, partition: int, *, changed: bool) -> Kept:
    """State of a partition's keys; `changed` only what changed since it was marked."""
    mine = state.keys[:, at.OWNER] == partition
    if state.clock[at.GAP]:
        touched = mine & (state.keys[:, at.TOUCHED] > 0) if changed else mine
        cells = _cells_of_sessions(state, np.flatnonzero(touched))
        spans = _session_spans(state, cells)
        listed = np.flatnonzero(touched)
    else:
        cells = _cells_of_rows(state, mine, changed=changed)
        spans = _row_spans(state, cells)
        listed = np.zeros(0, np.intp)
    return Kept(
        partition=standing(state, partition),
        keys=state.cells[cells, at.OF_KEY],
        spans=spans,
        counts=state.facts[cells, at.EVENTS],
        real=state.real[cells],
        whole=state.whole[cells],
        known=state.sketches[cells, state.clock[at.KNOWN_AT] :],
        chunks=_chunks(state, cells),
        sets=_sets(state, cells),
        touched=listed.astype(np.int32),
        remembered=_entries(state.remembered, mine, changed=changed),
        revised=_entries(state.revised, mine, changed=changed),
    )


def standing(state: State, partition: int) -> NDArray[np.int64]:
    """A partition's own row (1 x 4): see `Kept`."""
    held = state.partitions[partition]
    emitted = max(int(held[at.FLOOR]), int(state.clock[at.FIRED]))
    values = [held[at.STATUS], held[at.GREATEST], held[at.RETURNED], emitted]
    return np.array([values], np.int64)


def changed_partitions(state: State) -> set[int]:
    """The partitions of whose keys something changed since it was marked."""
    if state.clock[at.GAP]:
        changed = state.keys[:, at.TOUCHED] > 0
    else:
        held = state.cells[:, at.OF_KEY]
        changed = np.zeros(len(state.keys), np.bool_)
        changed[held[(held >= 0) & (state.cells[:, at.CHANGED] > 0)]] = True
    for table in (state.remembered, state.revised):
        changed[table[table[:, at.FLAG] == at.FLAG_NEW, at.NOTE]] = True
    return set(np.unique(state.keys[changed, at.OWNER]).tolist())


def mark_kept(state: State) -> None:
    """From now on nothing has changed."""
    state.cells[:, at.CHANGED] = 0
    state.keys[:, at.TOUCHED] = 0
    for table in (state.remembered, state.revised):
        table[table[:, at.FLAG] == at.FLAG_NEW, at.FLAG] = at.FLAG_OLD


def _cells_of_rows(state: State, mine: NDArray[np.bool_], *, changed: bool) -> Places:
    keys = state.cells[:, at.OF_KEY]
    used = keys >= 0
    if changed:
        used &= state.cells[:, at.CHANGED] > 0
    places = np.flatnonzero(used)
    return places[mine[keys[places]]]


def _cells_of_sessions(state: State, keys: Places) -> Places:
    """The sessions of some keys, each key's in the order of its chain."""
    found, ranks = [], []
    for rank, cells in enumerate(_walk(state.keys[keys, at.HEAD], state.cells, None)):
        owners, listed = cells
        found.append(listed)
        ranks.append(owners * (1 << 32) + rank)
    if not found:
        return np.zeros(0, np.intp)
    order = np.argsort(np.concatenate(ranks), kind="stable")
    return np.concatenate(found)[order]


def _walk(
    heads: NDArray[np.int32],
    links: NDArray[np.int32] | NDArray[np.int64],
    column: int | None,
) -> Iterator[tuple[Places, Places]]:
    """Step by step along many chains: which chains, and what they are at."""
    column = at.FOLLOWING if column is None else column
    chains = np.flatnonzero(heads >= 0)
    current = heads[chains].astype(np.intp)
    while chains.size:
        yield chains, current
        current = links[current, column].astype(np.intp)
        longer = current >= 0
        chains, current = chains[longer], current[longer]


def _row_spans(state: State, cells: Places) -> NDArray[np.int64]:
    rows = state.rows[state.cells[cells, at.OF_ROW]]
    columns = [at.CUT, at.FIRST, at.LAST, at.ROW_START, at.ROW_END]
    return np.asarray(rows[:, columns], np.int64)


def _session_spans(state: State, cells: Places) -> NDArray[np.int64]:
    spans = np.zeros((cells.size, 5), np.int64)
    spans[:, :4] = state.facts[cells, at.BEGIN : at.STAGE + 1]
    return spans


def _chunks(state: State, cells: Places) -> NDArray[np.int32]:
    parts = [np.zeros((0, 3 + at.BINS), np.int32)]
    for slot in range(state.quantile_slots.shape[0]):
        heads = state.sketches[cells, slot]
        for owners, listed in _walk(heads, state.chunks, at.CHAIN):
            part = np.empty((owners.size, 3 + at.BINS), np.int32)
            part[:, 0], part[:, 1] = owners, slot
            part[:, 2] = state.chunks[listed, at.PLACE]
            part[:, 3:] = state.chunks[listed, at.BODY :]
            parts.append(part)
    return np.concatenate(parts)


def _sets(state: State, cells: Places) -> NDArray[np.int64]:
    parts = [np.zeros((0, 3 + at.WORDS), np.int64)]
    for slot in range(int(state.clock[at.IDENTITIES])):
        heads = state.sketches[cells, int(state.clock[at.SETS_AT]) + slot]
        for owners, listed in _walk(heads, state.sets, at.CHAIN):
            part = np.empty((owners.size, 3 + at.WORDS), np.int64)
            part[:, 0], part[:, 1] = owners, slot
            part[:, 2] = state.sets[listed, at.PLACE]
            part[:, 3:] = state.sets[listed, at.BODY :]
            parts.append(part)
    return np.concatenate(parts)


def _entries(
    table: NDArray[np.int64], mine: NDArray[np.bool_], *, changed: bool
) -> NDArray[np.int64]:
    flags = table[:, at.FLAG]
    places = np.flatnonzero(flags == at.FLAG_NEW if changed else flags > 0)
    places = places[mine[table[places, at.NOTE]]]
    return table[places, : at.FLAG]
