"""The engine's state as arrays, in the form in which the compiled kernels take it.

A cell holds what is aggregated for one key in one row of slices, or in one session. A
row is a slice of time together with the windows that its events count for: all that
hold the slice, or only the later ones for events that were late for the earlier.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics_platform.core.live_accuracy import DISTINCT_EXACT, DISTINCT_REGISTERS

Long = NDArray[np.int64]
Short = NDArray[np.int32]
Tiny = NDArray[np.int8]
Real = NDArray[np.float64]

# The quantiles of a slot that has them, in the order of their columns.
PERCENTILES = (50, 95, 99, 90)

# Before and after every instant; far enough from the ends of int64 to add lengths.
NEVER_YET = -(1 << 62)
NEVER = 1 << 62
# Timestamps beyond (36 million years) are refused, so that sums stay below NEVER.
LIMIT_MS = 1 << 60

# Places in `State.clock`: instants, then how much of something there is, then what the
# definition, the rules and the slots say.
(
    WATERMARK,  # the minimum over non-idle partitions
    FIRED,  # windows that end until here have been emitted
    NEXT_END,  # the first end after FIRED of a window that holds something
    LOWEST,  # greatest timestamp of the partition that holds the others back
    NOW,
    FREE_CELLS,
    FREE_ROWS,
    FREE_CHUNKS,
    FREE_SETS,
    OUTPUTS,
    REMEMBERED,
    REVISED,
    TIMERS,
    CAUSE,  # the event of the batch that was taken last, -1 before the first
    SIZE,
    SLIDE,
    OFFSET,
    GAP,
    LATENESS,
    DISORDER,
    DRIFT,
    DEDUP,
    CALENDAR,
    IDENTITIES,
    SETS_AT,
    KNOWN_AT,
    READ,  # what was read ahead; nobody looks at it
    CLOCK,
) = range(28)

# Columns of partitions. `FLOOR` is how far windows were emitted when it was taken.
STATUS, GREATEST, RETURNED, SEEN, FLOOR, PARTITION_COLUMNS = range(6)
# What a partition is.
ABSENT, ACTIVE, IDLE = range(3)

# Columns and kinds of `Output.lines`.
KIND, KEY, START, END, COUNT, REVISION, EVENT = range(7)
LINE = 7
(
    WINDOW,
    RETRACTION,
    LATE,  # the event counts for no window; COUNT is how many it missed
    PARTLY_LATE,  # it counts for later windows; the missed ones lie in START to END
    TOO_FAR_AHEAD,
    OUT_OF_RANGE,
    DUPLICATE,
) = range(7)

# Columns of `Cells.real` and `Cells.whole`: not-null values and their statistics. The
# sum of integers is HIGH * 2^32 + LOW, exact for up to 2^31 values.
NUMBER, SUM, LEAST, MOST = range(4)
HIGH, LOW, WHOLE_LEAST, WHOLE_MOST = 1, 2, 3, 4

# Why a kernel came back before the end of the batch.
(
    DONE,
    CELLS_FULL,
    ROWS_FULL,
    CHUNKS_FULL,
    SETS_FULL,
    OUTPUT_FULL,
    REMEMBERED_FULL,
    REVISED_FULL,
    NOT_ASSIGNED,
) = range(9)

# Columns of rows; FREE_ROW, NEAR and CHOSEN are lists of rows of their own.
CUT, FIRST, LAST, ROW_START, ROW_END, ROW_HEAD, ROW_SIZE, USED = range(8)
FREE_ROW, NEAR, CHOSEN, ROW_COLUMNS = range(8, 12)
RECENT = 64  # rows found again without a search

# Columns of cells; FOLLOWING chains those of a row or key, FREE_CELL lists free ones.
OF_KEY, OF_ROW, FOLLOWING, CHANGED, FREE_CELL, CELL_COLUMNS = range(6)
NO_CELL = -1
# Columns of facts: events; of a session its start, end, revision and stage.
EVENTS, BEGIN, FINISH, TIMES, STAGE, FACTS = range(6)
# Columns of keys: partition it came from first, a mark, its sessions, a change.
OWNER, MARK, HEAD, TOUCHED, KEY_COLUMNS = range(5)
DUE, WAITING, TIMER_COLUMNS = range(3)

# Columns of chunks and sets before their content; FREE_CHUNK lists free ones.
PLACE, CHAIN, FREE_CHUNK, BODY = range(4)
BINS = 32  # of a histogram in one chunk
WORDS = 8  # of a set in one chunk
EXACT = DISTINCT_EXACT
REGISTERS = DISTINCT_REGISTERS

# Columns of the tables of remembered ids and of revisions.
LEFT, RIGHT, VALUE, NOTE, FLAG, TABLE_COLUMNS = range(6)
FLAG_OLD = 1
FLAG_NEW = 2  # an entry of a table that no delta holds yet

# Rows of a batch's integers.
TS, PARTITION, EVENT_KEY, ID, DAY, DAY_START, DAY_END, WHOLES = range(8)


class State(NamedTuple):
    """All of it, few arrays with named columns: numba passes every array apart.

    P partitions, R rows, C cells, K keys, Q slots with quantiles, F float, I integer,
    D identity slots, N chunks, M lines. `quantile_slots` (Q x 2) says integer or float
    slot, and which. `facts`, `real` (C x F x 4), `whole` (C x I x 5) and `sketches`
    (C x Q + 2D: histograms, sets, what is known of the sets) are columns of cells;
    `table` finds a cell by row and key (open addressing). `estimates` (M x 4Q + D) are
    the quantiles and distinct counts of the lines' windows. `listed`, `gathered`,
    `union` and `registers` are room for work.
    """

    clock: Long
    quantile_slots: Long
    partitions: Long
    rows: Long
    cells: Short
    facts: Long
    real: Real
    whole: Long
    sketches: Short
    table: Short
    keys: Short
    timers: Long
    chunks: Short
    sets: Long
    remembered: Long
    revised: Long
    lines: Long
    line_real: Real
    line_whole: Long
    estimates: Real
    listed: Short
    gathered: Long
    union: Long
    registers: Long


class Events(NamedTuple):
    """A batch of n: named columns, then integers and identities (7 + I + D x n)."""

    longs: Long
    real: Real
    valid: Tiny
