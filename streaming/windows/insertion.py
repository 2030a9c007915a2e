"""Puts one partition's kept state into an engine's arrays."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analytics_platform.errors import DamagedRecord
from streaming.windows import layout as at
from streaming.windows.compilation import Kernels
from streaming.windows.kept_state import Kept
from streaming.windows.layout import State
from streaming.windows.room import (
    more_cells,
    more_chunks,
    more_keys,
    more_rows,
    more_sets,
    new_table,
)
from streaming.windows.sessions import EMITTED, OPEN

Longs = NDArray[np.int64]
Ids = NDArray[np.int32]


def insert(
    state: State, kernels: Kernels, partition: int, log: Sequence[Kept]
) -> State:
    """State with a partition's: a snapshot and what changed after it, oldest first.

    The partition has room, and its standing has been set from the last of the log.
    """
    keys = np.concatenate([_keys_of(kept) for kept in log])
    state = more_keys(state, int(keys.max(initial=-1)) + 1)
    state.keys[keys, at.OWNER] = partition
    kept = _joined(log)
    chosen = _last_sessions(log) if state.clock[at.GAP] else _last_cells(kept)
    chosen = chosen[_still_open(state, partition, kept.spans[chosen])]
    state, cells = _place(state, kernels, kept, chosen)
    state.facts[cells, at.EVENTS] = kept.counts[chosen]
    state.real[cells] = kept.real[chosen]
    state.whole[cells] = kept.whole[chosen]
    state = _place_sketches(state, kernels, kept, chosen, cells)
    state.sketches[cells, int(state.clock[at.KNOWN_AT]) :] = kept.known[chosen]
    return _place_entries(state, kernels, log)


def renamed(kept: Kept, key_ids: Ids | None) -> Kept:
    """The same state with other ids for its keys: `key_ids[old]` is the new one.

    Raises:
        DamagedRecord: a key has no new id.
    """
    if key_ids is None:
        return kept
    for name in ("keys", "touched"):
        setattr(kept, name, _renamed(getattr(kept, name), key_ids))
    for name in ("remembered", "revised"):
        table = getattr(kept, name)
        table[:, at.NOTE] = _renamed(table[:, at.NOTE], key_ids)
        table[:, at.RIGHT] = table[:, at.NOTE]
    return kept


def _renamed(keys: NDArray[np.integer], key_ids: Ids) -> Ids:
    known = (keys >= 0) & (keys < key_ids.size)
    names = np.where(known, key_ids[np.where(known, keys, 0)], -1)
    if (names < 0).any():
        raise DamagedRecord(
            f"The kept state has key {int(keys[names < 0][0])}, which nobody knows.",
            hint="Keys are kept together with the state; the log is damaged.",
        )
    return names.astype(np.int32)


def _keys_of(kept: Kept) -> Longs:
    notes = (kept.remembered[:, at.NOTE], kept.revised[:, at.NOTE])
    return np.concatenate((kept.keys, kept.touched, *notes)).astype(np.int64)


def _joined(log: Sequence[Kept]) -> Kept:
    """All cells of a log under one numbering."""
    begins = np.cumsum([0, *(kept.keys.size for kept in log)])
    chunks, sets = [], []
    for kept, begin in zip(log, begins.tolist(), strict=False):
        chunks.append(kept.chunks.copy())
        chunks[-1][:, 0] += begin
        sets.append(kept.sets.copy())
        sets[-1][:, 0] += begin
    columns = {
        name: np.concatenate([getattr(kept, name) for kept in log])
        for name in ("keys", "spans", "counts", "real", "whole", "known")
    }
    last = log[-1]
    return Kept(
        partition=last.partition,
        chunks=np.concatenate(chunks),
        sets=np.concatenate(sets),
        touched=last.touched,
        remembered=last.remembered,
        revised=last.revised,
        **columns,
    )


def _last_cells(kept: Kept) -> NDArray[np.intp]:
    """Where each cell, named by row and key, stands for the last time."""
    order = np.lexsort((kept.keys, kept.spans[:, 1], kept.spans[:, 0]))
    names = np.column_stack((kept.spans[order, :2], kept.keys[order]))
    last = np.ones(order.size, np.bool_)
    last[:-1] = (names[1:] != names[:-1]).any(axis=1)
    return order[last]


def _last_sessions(log: Sequence[Kept]) -> NDArray[np.intp]:
    """Where the sessions of each key stand for the last time."""
    size = max(int(kept.touched.max(initial=-1)) for kept in log) + 1
    newest = np.full(size, -1)
    for number, kept in enumerate(log):
        newest[kept.touched] = number
    found = [newest[kept.keys] == number for number, kept in enumerate(log)]
    return np.flatnonzero(np.concatenate(found))


def _still_open(state: State, partition: int, spans: Longs) -> NDArray[np.bool_]:
    """Which cells' windows still take events or were not emitted."""
    clock = state.clock
    if clock[at.GAP]:
        ends = spans[:, 1]
    elif clock[at.CALENDAR]:
        ends = spans[:, 4]
    else:
        ends = spans[:, 2] * clock[at.SLIDE] + clock[at.OFFSET] + clock[at.SIZE]
    emitted = state.partitions[partition, at.FLOOR]
    return np.asarray(ends + clock[at.LATENESS] > emitted, np.bool_)


def _place(
    state: State, kernels: Kernels, kept: Kept, chosen: NDArray[np.intp]
) -> tuple[State, Longs]:
    """Make cells for the chosen ones; gives which they are."""
    while state.clock[at.FREE_CELLS] < chosen.size:
        state = more_cells(state)
        kernels.list_cells(state)
    cells = np.zeros(chosen.size, np.int64)
    keys = kept.keys[chosen].astype(np.int64)
    spans = kept.spans[chosen]
    if state.clock[at.GAP]:
        owners = state.keys[keys, at.OWNER]
        emitted = state.partitions[owners, at.FLOOR] >= spans[:, 1]
        sessions = np.ascontiguousarray(spans[:, :4])
        sessions[:, 3] = np.where(emitted, EMITTED, OPEN)
        kernels.place_sessions(state, keys, sessions, cells)
    else:
        state, rows = _place_rows(state, spans)
        kernels.place_cells(state, rows, keys, cells)
        kernels.next_end(state)
    return state, cells


def _place_rows(state: State, spans: Longs) -> tuple[State, Longs]:
    """The row of each cell, made where there is none."""
    names, which = _distinct(spans)
    while state.clock[at.FREE_ROWS] < names.shape[0]:
        state = more_rows(state)
    held = state.rows
    there = {
        (int(held[row, at.CUT]), int(held[row, at.FIRST])): row
        for row in np.flatnonzero(held[:, at.USED]).tolist()
    }
    rows = np.zeros(names.shape[0], np.int64)
    for number, (cut, first, last, start, end) in enumerate(names.tolist()):
        row = there.get((cut, first))
        if row is None:
            state.clock[at.FREE_ROWS] -= 1
            row = int(held[state.clock[at.FREE_ROWS], at.FREE_ROW])
            held[row, : at.USED + 1] = (cut, first, last, start, end, at.NO_CELL, 0, 1)
        rows[number] = row
    return state, rows[which]


def _distinct(spans: Longs) -> tuple[Longs, NDArray[np.intp]]:
    """One of the spans of each row, named by slice and first window; of each, which.

    Sorted column by column: `np.unique` of whole rows takes ten times as long.
    """
    _, slices = np.unique(spans[:, 0], return_inverse=True)
    firsts, first = np.unique(spans[:, 1], return_inverse=True)
    _, some, which = np.unique(
        slices * firsts.size + first, return_index=True, return_inverse=True
    )
    return spans[some], which


def _place_sketches(
    state: State, kernels: Kernels, kept: Kept, chosen: NDArray[np.intp], cells: Longs
) -> State:
    """Give the new cells the chunks of their sketches, each chain tail first."""
    cell_of = np.full(kept.keys.size, -1, np.int64)
    cell_of[chosen] = cells
    chunks = kept.chunks[::-1]
    chunks = chunks[cell_of[chunks[:, 0]] >= 0]
    sets = kept.sets[::-1]
    sets = sets[cell_of[sets[:, 0]] >= 0]
    while chunks.size and state.clock[at.FREE_CHUNKS] < chunks.shape[0]:
        state = more_chunks(state)
    while sets.size and state.clock[at.FREE_SETS] < sets.shape[0]:
        state = more_sets(state)
    kernels.place_chunks(
        state,
        cell_of[chunks[:, 0]],
        chunks[:, 1].astype(np.int64),
        chunks[:, 2].astype(np.int64),
        chunks[:, 3:].copy(),
    )
    kernels.place_sets(
        state,
        cell_of[sets[:, 0]],
        sets[:, 1].copy(),
        sets[:, 2].copy(),
        sets[:, 3:].copy(),
    )
    return state


def _place_entries(state: State, kernels: Kernels, log: Sequence[Kept]) -> State:
    """Put the log's remembered ids and revisions into the tables."""
    tables = {}
    for name, counted in (("remembered", at.REMEMBERED), ("revised", at.REVISED)):
        held = getattr(state, name)
        entries = np.concatenate([getattr(kept, name) for kept in log])
        held_entries = held[held[:, at.FLAG] > 0]
        needed = 4 * (held_entries.shape[0] + entries.shape[0])
        table = new_table(max(held.shape[0], 1 << needed.bit_length()))
        state.clock[counted] = kernels.place_entries(
            table, held_entries
        ) + kernels.place_entries(
            table,
            np.column_stack(
                (entries, np.full(entries.shape[0], at.FLAG_OLD, np.int64))
            ),
        )
        tables[name] = table
    return state._replace(remembered=tables["remembered"], revised=tables["revised"])
