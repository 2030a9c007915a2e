"""Which partition a key belongs to, and what happens when a partition leaves."""

from collections.abc import Collection

import numpy as np

from streaming.windows.compilation import Kernels
from streaming.windows.layout import (
    ABSENT,
    NO_CELL,
    OWNER,
    REMEMBERED,
    REVISED,
    STATUS,
    TOUCHED,
    State,
)
from streaming.windows.room import new_table


def drop_partitions(
    state: State, kernels: Kernels, partitions: Collection[int]
) -> State:
    """State without some partitions and all that is kept of their keys."""
    gone = np.isin(state.keys[:, OWNER], list(partitions)).astype(np.int8)
    kernels.forget_keys(state, gone)
    remembered = new_table(state.remembered.shape[0])
    revised = new_table(state.revised.shape[0])
    state.clock[REMEMBERED] = kernels.copy_staying(state.remembered, gone, remembered)
    state.clock[REVISED] = kernels.copy_staying(state.revised, gone, revised)
    state.keys[gone > 0, OWNER] = NO_CELL
    state.keys[gone > 0, TOUCHED] = 0
    state.partitions[list(partitions), STATUS] = ABSENT
    return state._replace(remembered=remembered, revised=revised)
