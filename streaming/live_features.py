"""Features at cut-offs of any time, of which only what is asked for is in memory."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from analytics_platform.adapters.snapshot_rows import Stretch, newest_us, source_rows
from analytics_platform.adapters.snapshots import Snapshot
from analytics_platform.contracts.domain import FeatureView
from analytics_platform.core.expression_arrays import Values
from analytics_platform.core.feature_history import Entity, FeatureHistory
from analytics_platform.observability import get_logger

log = get_logger(__name__)

Integers = NDArray[np.int64]

_MICROSECOND = timedelta(microseconds=1)
# An event may be about an instant some time before what was known when it came.
_SLACK = timedelta(days=2)
_LENGTH_US = timedelta(days=28) // _MICROSECOND
_MOST_KEPT = 8
_PRESENT = np.iinfo(np.int64).max


class LiveFeatures:
    """The features of some views, by one published snapshot.

    In memory are the rows that matter to cut-offs of the present, which begins two days
    before the snapshot's newest row, or its `as_of` if that is earlier. Cut-offs before
    that, as of a past that is replayed,
    are answered by stretches of 28 days; the eight used last are kept, and each is read
    when it is first asked about. Not for several threads at once.
    """

    def __init__(self, snapshot: Snapshot, views: Sequence[FeatureView]) -> None:
        """Read what the present needs.

        Raises:
            InvalidUsage: the snapshot lacks a column.
            NotFound: it lacks a table.
        """
        self.views = tuple(views)
        self._snapshot = snapshot
        as_of_us = round(snapshot.manifest.as_of.timestamp() * 1_000_000)
        newest = newest_us(snapshot, views)
        present_us = as_of_us if newest is None else min(newest, as_of_us)
        self._since_us = present_us - _SLACK // _MICROSECOND
        self._kept: dict[int, Mapping[str, FeatureHistory]] = {}
        self._asked: set[int] = set()
        self._histories(_PRESENT)

    def asked(self) -> set[int]:
        """The stretches that questions were about."""
        return set(self._asked)

    def load(self, stretches: Iterable[int]) -> None:
        """Read stretches before somebody asks about them."""
        for number in sorted(stretches)[-_MOST_KEPT:]:
            self._histories(number)

    def at(
        self, entities: Mapping[str, Sequence[Entity]], cutoffs: Values
    ) -> dict[str, list[Values]]:
        """Per view its features for m entities, each at its own cut-off.

        Cut-offs are microseconds since 1970; without one there are no features.
        """
        instants = cutoffs.data.astype(np.int64)
        past = cutoffs.valid & (instants < self._since_us)
        numbers = np.where(past, instants // _LENGTH_US, _PRESENT)
        return {
            name: [Values(one.data, one.valid & cutoffs.valid) for one in values]
            for name, values in self._found(numbers, entities, instants).items()
        }

    def _found(
        self, numbers: Integers, entities: Mapping[str, Sequence[Entity]], at: Integers
    ) -> dict[str, list[Values]]:
        stretches = np.unique(numbers).tolist()
        self._asked.update(stretches)
        if len(stretches) == 1:
            return self._within(stretches[0], entities, at)
        rows = [np.flatnonzero(numbers == one) for one in stretches]
        parts = [
            self._within(one, _chosen(entities, some.tolist()), at[some])
            for one, some in zip(stretches, rows, strict=True)
        ]
        order = np.argsort(np.concatenate(rows))
        return {
            name: [_joined(some, order) for some in zip(*columns, strict=True)]
            for name in entities
            for columns in [[part[name] for part in parts]]
        }

    def _within(
        self, number: int, entities: Mapping[str, Sequence[Entity]], at: Integers
    ) -> dict[str, list[Values]]:
        histories = self._histories(number)
        return {name: histories[name].at(some, at) for name, some in entities.items()}

    def _histories(self, number: int) -> Mapping[str, FeatureHistory]:
        """Those of a stretch; it is now the one used last."""
        found = self._kept.pop(number, None) or self._read(number)
        self._kept[number] = found
        while len(self._kept) > _MOST_KEPT + 1:
            oldest = next(one for one in self._kept if one != _PRESENT)
            del self._kept[oldest]
        return found

    def _read(self, number: int) -> Mapping[str, FeatureHistory]:
        if number == _PRESENT:
            stretch = Stretch(self._since_us, _PRESENT)
        else:
            first = number * _LENGTH_US
            stretch = Stretch(first, first + _LENGTH_US)
            log.info("past_features_read", first_us=stretch.first_us)
        rows = source_rows(self._snapshot, self.views, stretch)
        return {one.name: FeatureHistory(one, rows[one.name]) for one in self.views}


def _chosen(
    entities: Mapping[str, Sequence[Entity]], rows: Sequence[int]
) -> dict[str, list[Entity]]:
    return {name: [some[row] for row in rows] for name, some in entities.items()}


def _joined(parts: Sequence[Values], order: Integers) -> Values:
    data = np.concatenate([one.data for one in parts])
    valid = np.concatenate([one.valid for one in parts])
    return Values(data[order], valid[order])
