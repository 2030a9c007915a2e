"""A view's features at any cut-off, from its source's rows held in memory.

The same FeatureSpec that feature_sql compiles for the warehouse, evaluated over arrays
for many cut-offs at once: of n rows, and for m questions, in O((n + m) log n).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from analytics_platform.contracts.domain import Aggregate, FeatureSpec, FeatureView
from analytics_platform.core.expression_arrays import Values, evaluate
from analytics_platform.core.expressions import Kind, parse
from analytics_platform.core.features import expressions_of

Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]
Entity = tuple[object, ...]

_NANO = 1_000_000_000  # sums of fractions are decimals with nine places
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
            entity=rows.codes[present],
            event=rows.event_us.data[present].astype(np.int64),
            known=rows.known_us.data[present].astype(np.int64) + after,
        )
        columns = {
            name: Values(one.data[present], one.valid[present])
            for name, one in rows.columns.items()
        }
        self._features = [_feature(one, timeline, columns) for one in view.features]

    def at(self, entities: Sequence[Entity], cutoff_us: Integers) -> list[Values]:
        """Each feature of the view, for m entities, each at its own cut-off."""
        codes = [self._codes.get(one, _UNKNOWN) for one in entities]
        question = _Question(np.array(codes, dtype=np.int64), cutoff_us)
        return [feature.at(question) for feature in self._features]


class _Moments:
    """Rows sorted by entity, then instant; finds how many of an entity came by then."""

    def __init__(self, entity: Integers, instant: Integers) -> None:
        ordered = np.sort(instant)
        self._instants = ordered[np.diff(ordered, prepend=ordered[:1] - 1) > 0]
        # Entity and the instant's number as one number, which sorts by both.
        self._span = self._instants.size + 1
        place = entity * self._span + self._number(instant)
        self.order = np.argsort(place, kind="stable")
        self._places = place[self.order]

    def until(self, entity: Integers, instant: Integers) -> Integers:
        """Where the entity's rows later than `instant` begin."""
        place = entity * self._span + self._number(instant)
        return np.searchsorted(self._places, place, side="right")

    def first(self, entity: Integers) -> Integers:
        """Where the entity's rows begin."""
        return np.searchsorted(self._places, entity * self._span)

    def _number(self, instant: Integers) -> Integers:
        """How many instants there are until then, counted once each."""
        return np.searchsorted(self._instants, instant, side="right")


@dataclass(frozen=True, eq=False)
class _Timeline:
    """Rows in the orders in which cut-offs come to see them, and cease to."""

    entity: Integers
    event: Integers
    known: Integers
    _kept: dict[int | None, _Moments] = field(default_factory=dict)

    def known_by(self, shift: int) -> _Moments:
        """By event time plus `shift` or knowledge time, whichever is later."""
        if shift not in self._kept:
            instant = np.maximum(self.event + shift, self.known)
            self._kept[shift] = _Moments(self.entity, instant)
        return self._kept[shift]

    def happened(self) -> _Moments:
        """By event time alone."""
        if None not in self._kept:
            self._kept[None] = _Moments(self.entity, self.event)
        return self._kept[None]


class _Question:
    """Entities and cut-offs (m), and what was found for them already."""

    def __init__(self, entity: Integers, cutoff: Integers) -> None:
        self.entity, self.cutoff = entity, cutoff
        self._spans: dict[_Moments, tuple[Integers, Integers]] = {}

    def span(self, moments: _Moments) -> tuple[Integers, Integers]:
        """Where each entity's rows begin, and where those after the cut-off do."""
        if moments not in self._spans:
            until = moments.until(self.entity, self.cutoff)
            self._spans[moments] = (moments.first(self.entity), until)
        return self._spans[moments]


class _Tally:
    """Count, sum or mean: what came less what went, by running totals."""

    def __init__(self, spec: FeatureSpec, timeline: _Timeline, value: Values) -> None:
        self._aggregate = spec.aggregate
        self._came = timeline.known_by(_us(spec.lag))
        self._went = timeline.known_by(_us(spec.lag) + _us(spec.length))
        self._count = self._totals(value.valid.astype(np.int64))
        self._parts: list[tuple[Integers, Integers]] = []
        if spec.aggregate is not Aggregate.COUNT:
            numbers = np.where(value.valid, value.data, 0).astype(np.float64)
            whole = np.floor(numbers)
            nanos = np.rint((numbers - whole) * _NANO)
            parts = (whole.astype(np.int64), nanos.astype(np.int64))
            self._parts = [self._totals(part) for part in parts if part.any()]

    def at(self, asked: _Question) -> Values:
        count = self._difference(asked, self._count)
        if self._aggregate is Aggregate.COUNT:
            return Values(count.astype(np.float64), np.ones(count.size, np.bool_))
        total = np.zeros(count.size)
        for scale, part in zip((1, _NANO), self._parts, strict=False):
            total += self._difference(asked, part) / scale
        if self._aggregate is Aggregate.MEAN:
            total = total / np.maximum(count, 1)
        return Values(total, count > 0)

    def _totals(self, part: Integers) -> tuple[Integers, Integers]:
        return _running(part[self._came.order]), _running(part[self._went.order])

    def _difference(
        self, asked: _Question, totals: tuple[Integers, Integers]
    ) -> Integers:
        (came_from, came_to), (went_from, went_to) = (
            asked.span(self._came),
            asked.span(self._went),
        )
        came, went = totals
        return (came[came_to] - came[came_from]) - (went[went_to] - went[went_from])


class _Latest:
    """The value at the greatest event time, then knowledge time, then value."""

    def __init__(self, spec: FeatureSpec, timeline: _Timeline, value: Values) -> None:
        self._value, self._entity = value, timeline.entity
        self._gone = timeline.event + _us(spec.lag) + _us(spec.length)
        self._moments = timeline.known_by(_us(spec.lag))
        order = np.lexsort(
            (_codes(value), timeline.known, timeline.event, timeline.entity)
        )
        rank = np.empty(order.size, np.int64)
        rank[order] = np.arange(order.size)
        rank[~value.valid] = -1
        self._by_rank = order
        # Ranks of a later entity are greater, so that none hides what it should see.
        self._best = np.maximum.accumulate(rank[self._moments.order])

    def at(self, asked: _Question) -> Values:
        first, until = asked.span(self._moments)
        found = until > first
        if not self._best.size:
            return Values(np.zeros(found.size), found)
        best = self._best[np.where(found, until - 1, 0)]
        row = self._by_rank[np.maximum(best, 0)]
        found = found & (best >= 0) & (self._entity[row] == asked.entity)
        return Values(self._value.data[row], found & (self._gone[row] > asked.cutoff))


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
    spec: FeatureSpec, timeline: _Timeline, columns: Mapping[str, Values]
) -> _Tally | _Latest | _Extreme:
    parsed = expressions_of(spec)
    count = timeline.entity.size
    value = evaluate(parsed.value, columns, count)
    if parsed.filter:
        holds = evaluate(parsed.filter, columns, count)
        passed = holds.valid & holds.data.astype(np.bool_)
        value = Values(value.data, value.valid & passed)
    if spec.aggregate is Aggregate.LATEST:
        return _Latest(spec, timeline, value)
    if spec.aggregate in {Aggregate.MIN, Aggregate.MAX}:
        return _Extreme(spec, timeline, value)
    return _Tally(spec, timeline, value)


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


def _running(part: Integers) -> Integers:
    """Totals before each row (n + 1)."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(part)])


def _us(length: timedelta) -> int:
    return length // timedelta(microseconds=1)
