"""Lets keys go of which nothing is kept, so that ever new ones do not fill the memory.

A partition is looked at when it has twice the keys that were left the last time, or
when twenty times as many events as it has keys have come since. If half of its keys are
idle they go, and its states are written anew: that costs no more than what went.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from streaming.pipeline import Pipeline

_LEAST = 4_096
_EVENTS_PER_KEY = 20


@dataclass
class _Look:
    """When a partition is looked at next."""

    keys: int
    offset: int


class KeyUpkeep:
    """Looks through the keys of a pipeline's partitions now and then."""

    def __init__(
        self,
        pipeline: Pipeline,
        *,
        least: int = _LEAST,
        events_per_key: int = _EVENTS_PER_KEY,
    ) -> None:
        """A partition with fewer keys than `least` is left alone."""
        self._pipeline, self._least = pipeline, least
        self._events_per_key = events_per_key
        self._next: dict[int, _Look] = {}

    def let_go(self, offsets: Mapping[int, int]) -> list[int]:
        """Forget idle keys; gives the partitions whose states must be written anew.

        `offsets` are how far each owned partition is. To be called when every change
        before was kept.
        """
        due = [one for one, offset in offsets.items() if self._is_due(one, offset)]
        if not due:
            return []
        for stage in self._pipeline.windows:
            stage.engine.forget_closed()
        gone = [one for one in due if self._forget_idle(one)]
        for partition in due:
            self._plan(partition, offsets[partition])
        return gone

    def drop(self, partitions: Collection[int]) -> None:
        """Partitions are owned no longer."""
        for partition in partitions:
            self._next.pop(partition, None)

    def _is_due(self, partition: int, offset: int) -> bool:
        count = self._pipeline.keys.count(partition)
        if count < self._least:
            return False
        if partition not in self._next:
            self._plan(partition, offset)
        look = self._next[partition]
        return count >= look.keys or offset >= look.offset

    def _plan(self, partition: int, offset: int) -> None:
        count = self._pipeline.keys.count(partition)
        self._next[partition] = _Look(
            max(self._least, 2 * count), offset + self._events_per_key * count
        )

    def _forget_idle(self, partition: int) -> bool:
        numbers = self._pipeline.keys.of_partition(partition)
        ids = np.fromiter(numbers.values(), np.int32, len(numbers))
        idle = np.ones(ids.size, np.bool_)
        for stage in self._pipeline.windows:
            idle &= ~stage.engine.uses(ids)
        if 2 * int(idle.sum()) < ids.size:
            return False
        for stage in self._pipeline.windows:
            stage.engine.disown(ids[idle])
        names = [
            name for name, gone in zip(numbers, idle.tolist(), strict=True) if gone
        ]
        self._pipeline.keys.let_go(partition, names)
        return True
