"""Kernels of quantiles: histograms of logarithmic bins, as in DDSketch.

C. Masson, J. Rim, H. Lee: DDSketch, a fast and fully-mergeable quantile sketch with
relative-error guarantees (VLDB 2019). Bins grow by GROWTH; a value stands for all of
its bin within 1 %. Bins are kept in chunks of 32, so that memory follows the data.
"""

import math

from analytics_platform.core.live_accuracy import QUANTILE_ERROR
from streaming.windows.layout import (
    BINS,
    BODY,
    CHAIN,
    FREE_CHUNK,
    FREE_CHUNKS,
    NO_CELL,
    PLACE,
    State,
)

GROWTH = (1 + QUANTILE_ERROR) / (1 - QUANTILE_ERROR)
_LOG_GROWTH = math.log(GROWTH)
_LOG_HALF_STEP = math.log((GROWTH + 1.0) / 2.0)
_LOG_GREATEST = 709.78  # of a double
# Beyond the number of any bin: the logarithm of a double is between -745 and 710.
_MIDDLE = 40_000


def bin_of(value: float) -> int:
    """The number of a value's bin: rises with the value, 0 holds only zero."""
    if value == 0.0:
        return 0
    number = math.ceil(math.log(abs(value)) / _LOG_GROWTH) + _MIDDLE
    return number if value > 0.0 else -number


def value_of(number: int) -> float:
    """The value that a bin stands for."""
    if number == 0:
        return 0.0
    logarithm = (abs(number) - _MIDDLE) * _LOG_GROWTH - _LOG_HALF_STEP
    value = math.exp(min(logarithm, _LOG_GREATEST))
    return value if number > 0 else -value


def count_value(state: State, cell: int, slot: int, value: float) -> None:
    """Count one value in a cell's histogram; needs a free chunk."""
    number = bin_of(value)
    place = number >> 5
    chunks = state.chunks
    chunk = state.sketches[cell, slot]
    while chunk >= 0 and chunks[chunk, PLACE] != place:
        chunk = chunks[chunk, CHAIN]
    if chunk < 0:
        chunk = new_chunk(state, cell, slot, place)
    chunks[chunk, BODY + (number & (BINS - 1))] += 1


def new_chunk(state: State, cell: int, slot: int, place: int) -> int:
    """An empty chunk at the head of a cell's chain."""
    chunks = state.chunks
    state.clock[FREE_CHUNKS] -= 1
    chunk = chunks[state.clock[FREE_CHUNKS], FREE_CHUNK]
    for b in range(BINS):
        chunks[chunk, BODY + b] = 0
    chunks[chunk, PLACE] = place
    chunks[chunk, CHAIN] = state.sketches[cell, slot]
    state.sketches[cell, slot] = chunk
    return int(chunk)


def absorb_histogram(state: State, cell: int, other: int, slot: int) -> None:
    """Add another cell's histogram to a cell's, chunk by chunk; takes no room."""
    chunks = state.chunks
    chunk = state.sketches[other, slot]
    state.sketches[other, slot] = NO_CELL
    while chunk >= 0:
        following = chunks[chunk, CHAIN]
        mine = state.sketches[cell, slot]
        while mine >= 0 and chunks[mine, PLACE] != chunks[chunk, PLACE]:
            mine = chunks[mine, CHAIN]
        if mine < 0:
            chunks[chunk, CHAIN] = state.sketches[cell, slot]
            state.sketches[cell, slot] = chunk
        else:
            for b in range(BINS):
                chunks[mine, BODY + b] += chunks[chunk, BODY + b]
            chunks[state.clock[FREE_CHUNKS], FREE_CHUNK] = chunk
            state.clock[FREE_CHUNKS] += 1
        chunk = following


def free_histogram(state: State, cell: int, slot: int) -> None:
    """Give the chunks of a cell's histogram back."""
    chunk = state.sketches[cell, slot]
    while chunk >= 0:
        state.chunks[state.clock[FREE_CHUNKS], FREE_CHUNK] = chunk
        state.clock[FREE_CHUNKS] += 1
        chunk = state.chunks[chunk, CHAIN]
    state.sketches[cell, slot] = NO_CELL


def gather_histogram(state: State, cell: int, slot: int, found: int) -> int:
    """List a cell's chunks after `found` others; gives how many there are then."""
    chunk = state.sketches[cell, slot]
    while chunk >= 0:
        state.gathered[found] = (int(state.chunks[chunk, PLACE]) << 32) | int(chunk)
        found += 1
        chunk = state.chunks[chunk, CHAIN]
    return found


def neighbours(state: State, found: int, rank: int) -> tuple[float, float]:
    """The values at a rank, counted from 0, and the next, of all gathered chunks.

    Chunks are in order of place. The value at the last rank is its own next one.
    """
    listed = state.gathered
    chunks = state.chunks
    before = 0
    begin = 0
    at_rank = math.nan
    is_there = False
    while begin < found:
        place = listed[begin] >> 32
        end = begin
        while end < found and listed[end] >> 32 == place:
            end += 1
        for b in range(BINS):
            held = 0
            for at in range(begin, end):
                held += chunks[listed[at] & 0xFFFFFFFF, BODY + b]
            before += held
            if held and before > rank:
                value = value_of(place * BINS + b)
                if not is_there:
                    at_rank = value
                    is_there = True
                if before > rank + 1:
                    return at_rank, value
        begin = end
    return at_rank, at_rank
