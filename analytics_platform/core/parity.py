"""Compares live windows with what the marts say of the same events."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from analytics_platform.core.event_span import EventSpan
from analytics_platform.core.expression_arrays import Values
from analytics_platform.core.live_accuracy import (
    DISTINCT_ERROR,
    DISTINCT_EXACT,
    FLOAT_ERROR,
    QUANTILE_ERROR,
)
from analytics_platform.core.live_formulas import compute
from analytics_platform.core.live_metrics import Figure, LiveMetric, Reading
from analytics_platform.core.live_results import LateCounts, LiveResults
from analytics_platform.core.window_spans import Span, joined_spans, left_out

Number = int | float | None
COUNT = "count"
_SHOWN = 10
_INEXACT = (Figure.QUANTILE, Figure.DISTINCT)


@dataclass(frozen=True)
class MartWindow:
    """One window of a mart's rows: how many, and the readings in their order.

    `sizes` are those of the values between which quantiles lie, by the place of their
    reading: what the stated bound is a share of.
    """

    events: int
    readings: tuple[Number, ...]
    sizes: Mapping[int, Number] = field(default_factory=dict)


class Difference(NamedTuple):
    """A figure that is not the same; `live` counts late events in, for `count`."""

    key: str
    start_ms: int
    end_ms: int
    figure: str
    live: Number
    mart: Number


@dataclass(frozen=True)
class Parity:
    """How many windows were compared, and which differ.

    Of `with_late` windows only how many events there were can be compared, since the
    late ones' values are in the mart alone. Of `with_repeats`, whose events were sent
    more than once, how many lies between the mart's number and that of all messages.
    `beyond` are sessions that reach beyond the compared time, or touch one that does.
    `unstated` are metrics without a stated bound: formulas over quantiles or distinct
    counts.
    """

    compared: int
    with_late: int
    with_repeats: int
    differing: int
    first: tuple[Difference, ...]
    beyond: int = 0
    unstated: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether something was compared, and all of it is equal."""
        return self.compared > 0 and not self.differing


@dataclass(frozen=True)
class Live:
    """What a live window gave: the windows that stand, and late events by window.

    `merges`: windows that touch are one, as sessions are.
    """

    results: LiveResults
    late: LateCounts
    merges: bool = False


@dataclass(frozen=True)
class Mart:
    """The same windows out of a mart.

    `repeats` are the instants of messages that were sent before, by key, ascending.
    """

    windows: Mapping[Span, MartWindow]
    readings: Sequence[Reading]
    repeats: Mapping[str, Sequence[int]] = field(default_factory=dict)


def compare(
    metrics: Sequence[LiveMetric], live: Live, mart: Mart, span: EventSpan
) -> Parity:
    """Compare every window that lies wholly within the span.

    Sessions are compared where neither side has one that reaches beyond it. A window
    that one side lacks differs.
    """
    every = _sides(live, mart)
    out = left_out(every, span) if live.merges else set()
    sides = [
        (name, side)
        for name, side in every.items()
        if name not in out and span.first_ms <= name.start_ms
        if name.end_ms <= span.last_ms
    ]
    judged = _Judged(metrics, live.results, mart)
    different = [(name, list(judged.differences(name, *two))) for name, two in sides]
    told = [one for _, found in different for one in found]
    return Parity(
        compared=len(sides),
        with_late=sum(1 for _, (_, late) in sides if late),
        with_repeats=sum(1 for name, _ in sides if judged.repeats(name)),
        differing=sum(1 for _, found in different if found),
        first=tuple(told[:_SHOWN]),
        beyond=sum(1 for one in out if _overlaps(one, span)),
        unstated=tuple(one.name for one in metrics if not _is_stated(one)),
    )


# The rows of live results that make up a window, and how many late events it has.
_Side = tuple[tuple[int, ...], int]


def _sides(live: Live, mart: Mart) -> dict[Span, _Side]:
    """Every window of either side, by start, end and key."""
    rows = {name: n for n, name in enumerate(_names(live.results))}
    late = dict(zip(_names(live.late), live.late.events.tolist(), strict=True))
    groups: dict[Span, list[Span]] = {name: [name] for name in {*rows, *late}}
    if live.merges:
        groups = joined_spans(groups)
    return {
        name: _side(groups.get(name, ()), rows, late)
        for name in sorted({*groups, *mart.windows}, key=lambda one: one[1:] + one[:1])
    }


def _overlaps(window: Span, span: EventSpan) -> bool:
    return window.start_ms < span.last_ms and window.end_ms > span.first_ms


def _side(
    names: Iterable[Span], rows: Mapping[Span, int], late: Mapping[Span, int]
) -> _Side:
    members = list(names)
    found = tuple(rows[name] for name in members if name in rows)
    return found, sum(late.get(name, 0) for name in members)


class _Judged:
    """Finds the differences of single windows."""

    def __init__(
        self, metrics: Sequence[LiveMetric], results: LiveResults, mart: Mart
    ) -> None:
        self._mart = mart
        self._live = {
            name: _numbers(column.values, column.valid)
            for name, column in results.values.items()
        }
        self._places = {name: n for n, name in enumerate(mart.windows)}
        self._metrics = [one for one in metrics if _is_stated(one)]
        self._expected = {one.name: self._compute(one) for one in self._metrics}

    def repeats(self, name: Span) -> int:
        """How many messages of a window had been sent before."""
        instants = self._mart.repeats.get(name.key, ())
        return bisect_left(instants, name.end_ms) - bisect_left(instants, name.start_ms)

    def differences(
        self, name: Span, rows: tuple[int, ...], late: int
    ) -> Iterator[Difference]:
        counted = sum(int(self._live[COUNT][row] or 0) for row in rows) + late
        window, more = self._mart.windows.get(name), self.repeats(name)
        events = window.events if window else 0
        if not events <= counted <= events + more or not events:
            yield Difference(*name, COUNT, counted, events)
            return
        if late or more or len(rows) != 1:
            return
        place = self._places[name]
        for metric in self._metrics:
            live = self._live[metric.name][rows[0]]
            mart = self._expected[metric.name][place]
            if not _agree(metric, live, mart, self._size(metric, name)):
                yield Difference(*name, metric.name, live, mart)

    def _size(self, metric: LiveMetric, name: Span) -> Number:
        """What a quantile's bound is a share of."""
        if not isinstance(metric.formula, Reading):
            return None
        place = self._mart.readings.index(metric.formula)
        return self._mart.windows[name].sizes.get(place)

    def _compute(self, metric: LiveMetric) -> list[Number]:
        places = {one: n for n, one in enumerate(self._mart.readings)}
        windows = list(self._mart.windows.values())

        def read(reading: Reading) -> Values:
            return _values([one.readings[places[reading]] for one in windows])

        found = compute(metric.formula, read, len(windows))
        return _numbers(found.data, found.valid)


def _agree(metric: LiveMetric, live: Number, mart: Number, size: Number) -> bool:
    if live is None or mart is None:
        return live is None and mart is None
    figure = metric.formula.figure if isinstance(metric.formula, Reading) else None
    if figure is Figure.QUANTILE:
        return math.isclose(live, mart, rel_tol=0, abs_tol=_off(size, QUANTILE_ERROR))
    if figure is Figure.DISTINCT and mart > DISTINCT_EXACT:
        return abs(live - mart) <= DISTINCT_ERROR * mart
    if figure in (Figure.MIN, Figure.MAX) or isinstance(live, int):
        return live == mart
    return math.isclose(live, mart, rel_tol=FLOAT_ERROR, abs_tol=FLOAT_ERROR)


def _off(size: Number, share: float) -> float:
    """The share of a size, and what rounding may add."""
    return abs(size or 0) * share * (1 + FLOAT_ERROR) + FLOAT_ERROR


def _is_stated(metric: LiveMetric) -> bool:
    if isinstance(metric.formula, Reading):
        return True
    return not any(one.figure in _INEXACT for one in metric.readings)


def _names(rows: LiveResults | LateCounts) -> list[Span]:
    spans = zip(rows.keys, rows.start_ms.tolist(), rows.end_ms.tolist(), strict=True)
    return [Span(*one) for one in spans]


def _values(numbers: list[Number]) -> Values:
    """Whole numbers as such where all are, so that none loses a digit."""
    valid = np.array([one is not None for one in numbers], dtype=np.bool_)
    whole = all(isinstance(one, int) and abs(one) < 2**63 for one in numbers if one)
    filled = [0 if one is None else one for one in numbers]
    return Values(np.array(filled, dtype=np.int64 if whole else np.float64), valid)


def _numbers(
    data: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]",
    valid: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]] | None",
) -> list[Number]:
    values: list[Number] = data.tolist()
    if valid is None:
        return values
    return [
        one if is_one else None
        for one, is_one in zip(values, valid.tolist(), strict=True)
    ]
