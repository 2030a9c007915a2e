"""What led to an output: when the record of its event was sent, in which trace."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from streaming.hub.wire import NO_CAUSE, Cause
from streaming.records import RawRecords


class Position(NamedTuple):
    """Where a record stands in a topic."""

    partition: int
    offset: int


class Causes:
    """Looks records of one poll up; what no record led to has no cause."""

    def __init__(self, polled: Sequence[RawRecords]) -> None:
        self._polled = [one for one in polled if len(one)]
        self._found: dict[Position, Cause] = {}

    def of(self, position: Position | None) -> Cause:
        """What follows from the record there."""
        if position is None:
            return NO_CAUSE
        if position not in self._found:
            self._found[position] = self._look_up(position)
        return self._found[position]

    def _look_up(self, position: Position) -> Cause:
        partition, offset = position
        for records in self._polled:
            offsets = records.offsets
            if records.where[1] == partition and offsets[0] <= offset <= offsets[-1]:
                index = int(np.searchsorted(offsets, offset))
                return Cause(int(records.timestamps_ms[index]), records.trace(index))
        return NO_CAUSE
