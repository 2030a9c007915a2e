"""A view's features at any cut-off, from its source's rows held in memory.

The same FeatureSpec that feature_sql compiles for the warehouse, evaluated over arrays
for many cut-offs at once: of n rows, and for m questions, in O((n + m) log n). All
sums of a view are one table of running totals, whose rows are read by the cut-offs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analytics_platform.contracts.domain import Aggregate, FeatureSpec, FeatureView
from analytics_platform.core.expression_arrays import Values, evaluate
from analytics_platform.core.expressions import Kind, parse
from analytics_platform.core.features import expressions_of

Integers = NDArray[np.int64]
Codes = NDArray[np.int32]
Mask = NDArray[np.bool_]
Entity = tuple[object, ...]

_NANO = 1_000_000_000  # sums of fractions are decimals with nine places
_ALL_NANOS_EXACT = 2**53 / _NANO  # below, as many billionths are a float exactly
_UNKNOWN = -1


@dataclass(frozen=True, eq=False)
class SourceRows:
    """Rows of a view's source (n): what each is about, when, and its columns.

    `codes` (n) are places in `entities`, -1 where a part of the entity is null.
    `event_us` and `known_us` are microseconds since 1970 (n); `known_us` does not yet
    hold the view's `known_after`.
    """

    entities: Sequence[Entity]
    codes: Integers
    event_us: Values
    known_us: Values
    columns: Mapping[str, Values]


class FeatureHistory:
    """The features of one view over some rows of its source."""

    def __init__(self, view: FeatureView, rows: SourceRows) -> None:
        self.view = view
        present = _present(view, rows)
        self._codes = {entity: code for code, entity in enumerate(rows.entities)}
        after = _us(view.known_after)
        timeline = _Timeline(
            entity=rows.codes[present].astype(np.int32),
            event=rows.event_us.data[present].astype(np.int64),
            known=rows.known_us.data[present].astype(np.int64) + after,
        )
        columns = {
            name: Values(one.data[present], one.valid[present])
            for name, one in rows.columns.items()
        }
        values = _Contributions(columns, timeline.entity.size)
        totals = _Totals()
        self._features = [
            _feature(one, timeline, values.of(one), totals) for one in view.features
        ]
        totals.finish()
        timeline.finish()

    def at(self, entities: Sequence[Entity], cutoff_us: Integers) -> list[Values]:
        """Each feature of the view, for m entities, each at its own cut-off."""
        codes = [self._codes.get(one, _UNKNOWN) for one in entities]
        question = _Question(np.array(codes, dtype=np.int64), cutoff_us)
        return [feature.at(question) for feature in self._features]


class _Moments:
    """Rows sorted by entity, then instant; finds how many of an entity came by then."""

    def __init__(self, entity: Codes, instant: Integers) -> None:
        ordered = np.sort(instant)
        self._instants = ordered[np.diff(ordered, prepend=ordered[:1] - 1) > 0]
        # Entity and the instant's number as one number, which sorts by both.
        self._span = self._instants.size + 1
        place = entity * np.int64(self._span) + self._number(instant)
        self.order = np.argsort(place, kind="stable").astype(np.int32)
        most = (int(entity.max(initial=0)) + 1) * self._span
        self._places = _narrow(place[self.order], most)

    def until(self, entity: Integers, instant: Integers) -> Integers:
        """Where the entity's rows later than `instant` begin."""
        return self._found(entity * self._span + self._number(instant), "right")

    def first(self, entity: Integers) -> Integers:
        """Where the entity's rows begin."""
        return self._found(entity * self._span, "left")

    def finish(self) -> None:
        """Forget what only the making of features needs."""
        self.order = np.zeros(0, np.int32)

    def _found(self, place: Integers, side: Literal["left", "right"]) -> Integers:
        # Numbers of one type, or numpy would copy all places to compare them.
        return np.searchsorted(self._places, place.astype(self._places.dtype), side)

    def _number(self, instant: Integers) -> Integers:
        """How many instants there are until then, counted once each."""
        return np.searchsorted(self._instants, instant, side="right")


@dataclass(frozen=True)
class _Visible:
    """When rows come to be seen, or cease to be: at their moment plus `shift`."""

    moments: _Moments
    shift: int


class _Timeline:
    """Rows in the orders in which cut-offs come to see them, and cease to."""

    def __init__(self, entity: Codes, event: Integers, known: Integers) -> None:
        self.entity, self.event, self.known = entity, event, known
        self._kept: dict[int | None, _Moments] = {}

    def known_by(self, shift: int) -> _Visible:
        """By event time plus `shift` or knowledge time, whichever is later."""
        if np.all(self.known <= self.event + shift):
            return _Visible(self.happened(), shift)
        if shift not in self._kept:
            instant = np.maximum(self.event + shift, self.known)
            self._kept[shift] = _Moments(self.entity, instant)
        return _Visible(self._kept[shift], 0)

    def happened(self) -> _Moments:
        """By event time alone."""
        if None not in self._kept:
            self._kept[None] = _Moments(self.entity, self.event)
        return self._kept[None]

    def finish(self) -> None:
        """Forget what only the making of features needs."""
        self.known = np.zeros(0, np.int64)
        for moments in self._kept.values():
            moments.finish()


class _Question:
    """Entities and cut-offs (m), and what was found for them already."""

    def __init__(self, entity: Integers, cutoff: Integers) -> None:
        self.entity, self.cutoff = entity, cutoff
        self._spans: dict[_Visible, tuple[Integers, Integers]] = {}
        self.totals: dict[tuple[_Visible, _Visible], Integers] = {}

    def span(self, visible: _Visible) -> tuple[Integers, Integers]:
        """Where each entity's rows begin, and where those after the cut-off do."""
        if visible not in self._spans:
            moments = visible.moments
            until = moments.until(self.entity, self.cutoff - visible.shift)
            self._spans[visible] = (moments.first(self.entity), until)
        return self._spans[visible]


class _Contributions:
    """What each row contributes to a feature; equal expressions share it."""

    def __init__(self, columns: Mapping[str, Values], rows: int) -> None:
        self._columns, self._rows = columns, rows
        self._kept: dict[tuple[str, str | None], Values] = {}

    def of(self, spec: FeatureSpec) -> Values:
        """The feature's value for each row, null where its filter does not hold."""
        name = (spec.expression, spec.filter)
        if name not in self._kept:
            parsed = expressions_of(spec)
            value = evaluate(parsed.value, self._columns, self._rows)
            if parsed.filter:
                holds = evaluate(parsed.filter, self._columns, self._rows)
                passed = holds.valid & holds.data.astype(np.bool_)
                value = Values(value.data, value.valid & passed)
            self._kept[name] = value
        return self._kept[name]


class _Totals:
    """Running totals of all that a view counts and sums (n + 1 x k), by their order."""

    def __init__(self) -> None:
        self._parts: list[Integers] = []
        self._places: dict[tuple[object, ...], int] = {}
        self._running: dict[_Moments, NDArray[np.int32] | Integers] = {}

    def column(self, name: tuple[object, ...], part: Integers) -> int:
        """The number of the column of what each row adds; a name is kept once."""
        if name not in self._places:
            self._places[name] = len(self._parts)
            self._parts.append(part)
        return self._places[name]

    def ordered_by(self, *visible: _Visible) -> None:
        """Have totals in these orders."""
        for one in visible:
            self._running.setdefault(one.moments, np.zeros((0, 0), np.int64))

    def finish(self) -> None:
        """Add up; nothing can be added any more."""
        for moments in self._running:
            shape = (moments.order.size + 1, len(self._parts))
            totals = np.zeros(shape, np.int64)
            for place, part in enumerate(self._parts):
                np.cumsum(part[moments.order], out=totals[1:, place])
            self._running[moments] = _narrow(totals, int(np.abs(totals).max(initial=0)))
        self._parts.clear()

    def within(self, asked: _Question, came: _Visible, went: _Visible) -> Integers:
        """What has come less what has gone again (m x k)."""
        if (came, went) not in asked.totals:
            difference = self._since(asked, came) - self._since(asked, went)
            asked.totals[came, went] = difference
        return asked.totals[came, went]

    def _since(self, asked: _Question, visible: _Visible) -> Integers:
        first, until = asked.span(visible)
        running = self._running[visible.moments]
        return running[until].astype(np.int64) - running[first]


class _Tally:
    """Count, sum or mean: what came less what went."""

    def __init__(
        self, spec: FeatureSpec, timeline: _Timeline, value: Values, totals: _Totals
    ) -> None:
        self._aggregate, self._totals = spec.aggregate, totals
        self._came = timeline.known_by(_us(spec.lag))
        self._went = timeline.known_by(_us(spec.lag) + _us(spec.length))
        totals.ordered_by(self._came, self._went)
        name = (spec.expression, spec.filter)
        self._count = totals.column((*name, "count"), value.valid.astype(np.int64))
        self._whole, self._nanos = 0, 0
        if spec.aggregate is not Aggregate.COUNT:
            numbers = np.where(value.valid, value.data, 0).astype(np.float64)
            whole = np.floor(numbers)
            nanos = np.rint((numbers - whole) * _NANO).astype(np.int64)
            self._whole = totals.column((*name, "whole"), whole.astype(np.int64))
            self._nanos = totals.column((*name, "nanos"), nanos) if nanos.any() else 0

    def at(self, asked: _Question) -> Values:
        found = self._totals.within(asked, self._came, self._went)
        count = found[:, self._count]
        if self._aggregate is Aggregate.COUNT:
            return Values(count.astype(np.float64), np.ones(count.size, np.bool_))
        total = found[:, self._whole].astype(np.float64)
        if self._nanos:
            total = _decimal(found[:, self._whole], found[:, self._nanos])
        if self._aggregate is Aggregate.MEAN:
            total = total / np.maximum(count, 1)
        return Values(total, count > 0)


class _Latest:
    """The value at the greatest event time, then knowledge time, then value."""

    def __init__(self, spec: FeatureSpec, timeline: _Timeline, value: Values) -> None:
        self._data, self._timeline = value.data, timeline
        self._length = _us(spec.lag) + _us(spec.length)
        self._seen = timeline.known_by(_us(spec.lag))
        order = np.lexsort(
            (_codes(value), timeline.known, timeline.event, timeline.entity)
        )
        rank = np.empty(order.size, np.int64)
        rank[order] = np.arange(order.size)
        rank[~value.valid] = -1
        # Ranks of a later entity are greater, so that none hides what it should see.
        best = np.maximum.accumulate(rank[self._seen.moments.order])
        self._row = np.where(best < 0, -1, order[best]).astype(np.int32)

    def at(self, asked: _Question) -> Values:
        first, until = asked.span(self._seen)
        found = until > first
        if not self._row.size:
            return Values(np.zeros(found.size), found)
        row = self._row[np.where(found, until - 1, 0)]
        found = found & (row >= 0) & (self._timeline.entity[row] == asked.entity)
        gone = self._timeline.event[row] + self._length
        return Values(self._data[row], found & (gone > asked.cutoff))


class _Extreme:
    """Minimum or maximum: every row of the window is looked at."""

    def __init__(self, spec: FeatureSpec, timeline: _Timeline, value: Values) -> None:
        self._lag, self._length = _us(spec.lag), _us(spec.length)
        self._moments = timeline.happened()
        order = self._moments.order
        self._known, self._valid = timeline.known[order], value.valid[order]
        self._value = np.where(value.valid, value.data, 0).astype(np.float64)[order]
        self._worst = -np.inf if spec.aggregate is Aggregate.MAX else np.inf
        self._better = np.maximum if spec.aggregate is Aggregate.MAX else np.minimum

    def at(self, asked: _Question) -> Values:
        newest = asked.cutoff - self._lag
        first = self._moments.until(asked.entity, newest - self._length)
        sizes = np.maximum(self._moments.until(asked.entity, newest) - first, 0)
        owner = np.repeat(np.arange(sizes.size), sizes)
        row = np.arange(owner.size) - np.repeat(np.cumsum(sizes) - sizes - first, sizes)
        seen = self._valid[row] & (self._known[row] <= asked.cutoff[owner])
        best = np.full(sizes.size, self._worst)
        self._better.at(best, owner[seen], self._value[row[seen]])
        return Values(best, best != self._worst)


def _feature(
    spec: FeatureSpec, timeline: _Timeline, value: Values, totals: _Totals
) -> _Tally | _Latest | _Extreme:
    if spec.aggregate is Aggregate.LATEST:
        return _Latest(spec, timeline, value)
    if spec.aggregate in {Aggregate.MIN, Aggregate.MAX}:
        return _Extreme(spec, timeline, value)
    return _Tally(spec, timeline, value, totals)


def _present(view: FeatureView, rows: SourceRows) -> Mask:
    """Rows with an entity and both instants that the view considers."""
    present = rows.event_us.valid & rows.known_us.valid
    present = present & (rows.codes >= 0)
    if view.where:
        holds = evaluate(parse(view.where, Kind.BOOLEAN), rows.columns, present.size)
        present = present & holds.valid & holds.data.astype(np.bool_)
    return present


def _codes(values: Values) -> Integers:
    """Numbers in the order of the values."""
    _, codes = np.unique(values.data, return_inverse=True)
    return np.asarray(codes, dtype=np.int64)


def _decimal(whole: Integers, nanos: Integers) -> NDArray[np.float64]:
    """Whole numbers and billionths added, rounded once, as a decimal sum is."""
    both = whole.astype(np.float64) + nanos / _NANO
    exact = np.abs(both) < _ALL_NANOS_EXACT
    return np.where(exact, (np.where(exact, whole, 0) * _NANO + nanos) / _NANO, both)


def _narrow(numbers: Integers, most: int) -> NDArray[np.int32] | Integers:
    """The same numbers, none of which is above `most`, in half the room if they fit."""
    return numbers.astype(np.int32) if most < 2**31 else numbers


def _us(length: timedelta) -> int:
    return length // timedelta(microseconds=1)
