"""What an engine gives back: lines in order of emission, as columns."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streaming.windows.layout import (
    COUNT,
    DUPLICATE,
    END,
    EVENT,
    HIGH,
    KEY,
    KIND,
    LATE,
    LEAST,
    LOW,
    MOST,
    NUMBER,
    OUT_OF_RANGE,
    PARTLY_LATE,
    RETRACTION,
    REVISION,
    START,
    SUM,
    TOO_FAR_AHEAD,
    WHOLE_LEAST,
    WHOLE_MOST,
    WINDOW,
)
from streaming.windows.slots import SlotSpec

Integers = NDArray[np.int64]
Numbers = NDArray[np.float64]
Ids = NDArray[np.int32]

REASONS = {
    LATE: "window_closed",
    PARTLY_LATE: "window_closed",
    TOO_FAR_AHEAD: "too_far_in_future",
    OUT_OF_RANGE: "timestamp_out_of_range",
    DUPLICATE: "duplicate",
}
DEAD_LETTERS = (TOO_FAR_AHEAD, OUT_OF_RANGE, DUPLICATE)


@dataclass(frozen=True, eq=False)
class Aggregates:
    """Statistics of one numeric slot, one of each per line.

    `number` counts values that are not null; where it is 0 the rest means nothing.
    `quantiles` (m x 4) are layout's PERCENTILES, none (m x 0) unless asked for.
    """

    number: Integers
    total: Numbers
    least: Numbers
    most: Numbers
    quantiles: Numbers
    whole: Integers | None = None

    def mean(self) -> Numbers:
        """Sum by number; NaN where there is no value."""
        number = np.where(self.number == 0, np.nan, self.number.astype(np.float64))
        return np.asarray(self.total / number, np.float64)

    def exact_totals(self) -> list[int]:
        """Sums of an integer slot, of any size.

        Raises:
            TypeError: the slot holds floats.
        """
        if self.whole is None:
            raise TypeError("only an integer slot has exact sums")
        pairs = zip(
            self.whole[:, HIGH].tolist(), self.whole[:, LOW].tolist(), strict=True
        )
        return [(high << 32) + low for high, low in pairs]

    def exact_extremes(self) -> tuple[Integers, Integers]:
        """Least and greatest values of an integer slot, exact beyond 2^53.

        Raises:
            TypeError: the slot holds floats.
        """
        if self.whole is None:
            raise TypeError("only an integer slot has exact extremes")
        return self.whole[:, WHOLE_LEAST], self.whole[:, WHOLE_MOST]


@dataclass(frozen=True, eq=False)
class Emissions:
    """m lines in order of emission; what a column means depends on the line's kind.

    `kinds` are layout's WINDOW, RETRACTION, LATE, PARTLY_LATE, TOO_FAR_AHEAD,
    OUT_OF_RANGE and DUPLICATE. For a window or retraction `starts` and `ends` name it,
    and a later line of the same key, start and end replaces it. For a late event they
    span the windows that it missed, `counts` of them. `events` is the event's place in
    the batch; for windows and retractions that of the event that led to them by being
    late or by moving the watermark, -1 if no event did. `partitions` is where the key
    belongs. `step_ms` lies between the starts of one window and the next, 0 if nothing
    fixed.
    """

    slots: Sequence[SlotSpec]
    step_ms: int
    lines: Integers
    partitions: Ids
    real: Numbers
    whole: Integers
    quantiles: Numbers
    distinct: Numbers

    def __len__(self) -> int:
        return int(self.lines.shape[0])

    @property
    def kinds(self) -> Integers:
        """What each line says."""
        return self.lines[:, KIND]

    @property
    def keys(self) -> Integers:
        """Ids of the keys."""
        return self.lines[:, KEY]

    @property
    def starts(self) -> Integers:
        """Start of the window in milliseconds."""
        return self.lines[:, START]

    @property
    def ends(self) -> Integers:
        """End of the window in milliseconds, not in it."""
        return self.lines[:, END]

    @property
    def counts(self) -> Integers:
        """Events of the window, or windows that a late event missed."""
        return self.lines[:, COUNT]

    @property
    def revisions(self) -> Integers:
        """How often the window was emitted before."""
        return self.lines[:, REVISION]

    @property
    def events(self) -> Integers:
        """Place in the batch of the event that the line is about or follows from."""
        return self.lines[:, EVENT]

    def of(self, *kinds: int) -> "Emissions":
        """Only the lines of some kinds, in the same order."""
        wanted = np.zeros(len(self), np.bool_)
        for kind in kinds:  # quicker than numpy's isin where lines are few
            wanted |= self.kinds == kind
        return self if wanted.all() else self.at(np.flatnonzero(wanted))

    def at(self, places: NDArray[np.intp]) -> "Emissions":
        """Only the lines at some places."""
        return Emissions(
            slots=self.slots,
            step_ms=self.step_ms,
            lines=self.lines[places],
            partitions=self.partitions[places],
            real=self.real[places],
            whole=self.whole[places],
            quantiles=self.quantiles[places],
            distinct=self.distinct[places],
        )

    def windows(self) -> "Emissions":
        """Only the windows."""
        return self.of(WINDOW)

    def retractions(self) -> "Emissions":
        """Only the retractions."""
        return self.of(RETRACTION)

    def late(self) -> "Emissions":
        """Only the lines of events that missed windows, all of theirs or some."""
        return self.of(LATE, PARTLY_LATE)

    def dead_letters(self) -> "Emissions":
        """Only the lines of events that were not let in."""
        return self.of(*DEAD_LETTERS)

    def reasons(self) -> list[str]:
        """Why each line's event was late or refused; empty text for windows."""
        return [REASONS.get(kind, "") for kind in self.kinds.tolist()]

    def missed(self) -> tuple[NDArray[np.intp], Integers, Integers]:
        """Every (line, window start, window end) of late lines, windows rising."""
        is_late = (self.kinds == LATE) | (self.kinds == PARTLY_LATE)
        counts = np.where(is_late, self.counts, 0)
        line = np.repeat(np.arange(len(self)), counts)
        nth = np.arange(line.size) - np.repeat(np.cumsum(counts) - counts, counts)
        # Windows of one event start a slide apart; the last ends where the span does.
        size = self.ends - self.starts - (self.counts - 1) * self.step_ms
        starts = self.starts[line] + nth * self.step_ms
        return line, starts, starts + size[line]

    def aggregates(self, name: str) -> Aggregates:
        """The statistics of a float or integer slot, one per line.

        Raises:
            KeyError: there is no such slot of numbers.
        """
        slot, place, sketch = self._find(name)
        quantiles = (
            self.quantiles[:, sketch] if slot.quantiles else np.zeros((len(self), 0))
        )
        if slot.kind == "float":
            held = self.real[:, place]
            return Aggregates(
                held[:, NUMBER].astype(np.int64),
                held[:, SUM],
                held[:, LEAST],
                held[:, MOST],
                quantiles,
            )
        whole = self.whole[:, place]
        return Aggregates(
            whole[:, NUMBER],
            whole[:, HIGH].astype(np.float64) * 2.0**32 + whole[:, LOW],
            whole[:, WHOLE_LEAST].astype(np.float64),
            whole[:, WHOLE_MOST].astype(np.float64),
            quantiles,
            whole,
        )

    def distinct_counts(self, name: str) -> Numbers:
        """How many identities a slot had: exact up to 128, then an estimate.

        Raises:
            KeyError: there is no such slot of identities.
        """
        names = [slot.name for slot in self.slots if slot.kind == "identity"]
        if name not in names:
            raise KeyError(name)
        return self.distinct[:, names.index(name)]

    def _find(self, name: str) -> tuple[SlotSpec, int, int]:
        places = {"float": 0, "integer": 0, "identity": 0}
        sketch = 0
        for slot in self.slots:
            if slot.name == name and slot.kind != "identity":
                return slot, places[slot.kind], sketch
            places[slot.kind] += 1
            sketch += slot.quantiles
        raise KeyError(name)


def joined(parts: Sequence[Emissions], none: Emissions) -> Emissions:
    """The lines of several emissions one after the other; `none` where there are no."""
    if not parts:
        return none
    if len(parts) == 1:
        return parts[0]
    return Emissions(
        slots=none.slots,
        step_ms=none.step_ms,
        lines=np.concatenate([part.lines for part in parts]),
        partitions=np.concatenate([part.partitions for part in parts]),
        real=np.concatenate([part.real for part in parts]),
        whole=np.concatenate([part.whole for part in parts]),
        quantiles=np.concatenate([part.quantiles for part in parts]),
        distinct=np.concatenate([part.distinct for part in parts]),
    )
