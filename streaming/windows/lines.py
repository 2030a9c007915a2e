"""Kernels of output: lines in order of emission, and the aggregates of windows."""

import math

from streaming.windows.cells import add_real, add_whole
from streaming.windows.distinct import clear_union, join_union, union_size
from streaming.windows.histograms import gather_histogram, neighbours
from streaming.windows.layout import (
    CAUSE,
    COUNT,
    END,
    EVENT,
    EVENTS,
    HIGH,
    IDENTITIES,
    KEY,
    KIND,
    LEAST,
    LOW,
    MOST,
    NUMBER,
    OUTPUTS,
    PERCENTILES,
    REVISION,
    START,
    SUM,
    TIMES,
    WHOLE_LEAST,
    WHOLE_MOST,
    WINDOW,
    State,
)
from streaming.windows.sorting import sort_longs


def write_line(  # noqa: PLR0913, PLR0917 - the columns of a line
    state: State, kind: int, key: int, start: int, end: int, count: int, event: int
) -> int:
    """Add a line; needs room. Gives its number."""
    line = state.clock[OUTPUTS]
    state.clock[OUTPUTS] = line + 1
    held = state.lines[line]
    held[KIND] = kind
    held[KEY] = key
    held[START] = start
    held[END] = end
    held[COUNT] = count
    held[REVISION] = 0
    held[EVENT] = event
    return int(line)


def begin_window(state: State, key: int, start: int, end: int) -> int:
    """Add the line of a window of which nothing is counted yet."""
    line = write_line(state, WINDOW, key, start, end, 0, state.clock[CAUSE])
    real = state.line_real[line]
    for f in range(real.shape[0]):
        real[f, NUMBER] = 0.0
        real[f, SUM] = 0.0
        real[f, LEAST] = float("inf")
        real[f, MOST] = float("-inf")
    whole = state.line_whole[line]
    for w in range(whole.shape[0]):
        whole[w, NUMBER] = 0
        whole[w, HIGH] = 0
        whole[w, LOW] = 0
        whole[w, WHOLE_LEAST] = 0
        whole[w, WHOLE_MOST] = 0
    return line


def add_cell(state: State, line: int, cell: int) -> None:
    """Count a cell in a window's line, without its sketches."""
    state.lines[line, COUNT] += state.facts[cell, EVENTS]
    add_real(state.line_real[line], state.real[cell])
    add_whole(state.line_whole[line], state.whole[cell])


def read_session(state: State, line: int, cell: int) -> None:
    """Fill the line of a session from its one cell."""
    add_cell(state, line, cell)
    state.lines[line, REVISION] = state.facts[cell, TIMES]
    for q in range(state.quantile_slots.shape[0]):
        found = gather_histogram(state, cell, q, 0)
        read_quantiles(state, line, q, found)
    for d in range(state.clock[IDENTITIES]):
        clear_union(state)
        join_union(state, cell, d)
        first = len(PERCENTILES) * state.quantile_slots.shape[0]
        state.estimates[line, first + d] = union_size(state)


def read_quantiles(state: State, line: int, slot: int, found: int) -> None:
    """Write the quantiles of the gathered chunks, by linear interpolation.

    A quantile q of n values lies at q * (n - 1), as SQL's percentile_cont has it. The
    least and the most are exact. No value has no quantile: NaN.
    """
    source = state.quantile_slots[slot, 1]
    if state.quantile_slots[slot, 0]:
        whole = state.line_whole[line, source]
        number = int(whole[NUMBER])
        least = float(whole[WHOLE_LEAST])
        most = float(whole[WHOLE_MOST])
    else:
        real = state.line_real[line, source]
        number = int(real[NUMBER])
        least = real[LEAST]
        most = real[MOST]
    sort_longs(state.gathered, found)
    for at, percent in enumerate(PERCENTILES):
        value = math.nan
        if number > 0:
            rank = percent * (number - 1) // 100
            share = percent * (number - 1) % 100 / 100.0
            low, high = neighbours(state, found, rank)
            low = least if rank == 0 else min(max(low, least), most)
            high = most if rank + 2 >= number else min(max(high, least), most)
            value = low + (high - low) * share
        state.estimates[line, len(PERCENTILES) * slot + at] = value
