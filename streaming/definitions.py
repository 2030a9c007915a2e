"""Live windows as their engine runs them: dbt's metrics bound to a stream's fields."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from analytics_platform.contracts.declaration import ColumnType
from analytics_platform.contracts.domain import Domain
from analytics_platform.contracts.streams import (
    EventStream,
    EventTopic,
    LiveWindow,
    StreamOrder,
    WindowSpec,
)
from analytics_platform.core.expressions import (
    Arithmetic,
    Branch,
    Column,
    Constant,
    Expression,
    Kind,
    Node,
    children,
    parse,
)
from analytics_platform.core.live_metrics import (
    BatchOnlyMetric,
    Derived,
    Figure,
    Formula,
    LiveMetric,
    Ratio,
    Reading,
    Slot,
)
from analytics_platform.core.semantic_manifest import Manifest, live_metric
from analytics_platform.errors import InvalidUsage
from streaming.windows.definition import StreamRules, WindowDefinition
from streaming.windows.layout import PERCENTILES

_KINDS = {
    ColumnType.STRING: Kind.TEXT,
    ColumnType.DATE: Kind.TEXT,
    ColumnType.INTEGER: Kind.NUMBER,
    ColumnType.FLOAT: Kind.NUMBER,
    ColumnType.TIMESTAMP: Kind.NUMBER,
    ColumnType.BOOLEAN: Kind.BOOLEAN,
}
_WHOLE = (ColumnType.INTEGER, ColumnType.TIMESTAMP, ColumnType.BOOLEAN)


class Source(StrEnum):
    """How an event's contribution to a slot is read."""

    NUMBER = "number"  # float64
    INTEGER = "integer"  # a field of whole numbers as it is: int64, exact
    PRESENCE = "presence"  # 1 where there is a value, whatever it is
    IDENTITY = "identity"  # a 64-bit hash, to be counted once


@dataclass(frozen=True)
class BoundSlot:
    """A slot of the engine: what it takes of an event, and which quantiles it gives."""

    slot: Slot
    source: Source
    ranks: tuple[float, ...] = ()
    is_whole: bool = False  # whether all its values are whole numbers

    @property
    def text(self) -> str:
        """The slot in words, equal for equal slots only."""
        value = self.slot.value.text if self.slot.value else "1"
        where = "".join(f" where {one.text}" for one in self.slot.where)
        return f"{self.source} of {value}{where}"


@dataclass(frozen=True)
class CompiledWindow:
    """A live window ready to run.

    A reading of a slot that is in none of `slots` counts every event of the window.
    """

    declared: LiveWindow
    stream: EventStream
    topic: EventTopic
    definition: WindowDefinition
    rules: StreamRules
    metrics: tuple[LiveMetric, ...]
    slots: tuple[BoundSlot, ...]

    @property
    def name(self) -> str:
        """The declaration's name."""
        return self.declared.name

    @property
    def fields(self) -> frozenset[str]:
        """The fields of an event that the window reads."""
        read = {name for one in self.slots for name in one.slot.columns}
        return frozenset(read | {self.declared.key})

    def place(self, reading: Reading) -> int | None:
        """The place among `slots` of what is read; None if it counts every event."""
        is_distinct = reading.figure is Figure.DISTINCT
        for place, bound in enumerate(self.slots):
            is_identity = bound.source is Source.IDENTITY
            if bound.slot == reading.slot and is_identity == is_distinct:
                return place
        return None

    @property
    def fingerprint(self) -> str:
        """Equal only if state of the one can be used by the other."""
        said = {
            "window": self.definition.fingerprint(),
            "rules": self.rules.fingerprint(),
            "events": [self.stream.name, self.declared.kind, self.declared.key],
            "fields": [self.stream.id_field, self.stream.time_field],
            "slots": [[one.text, one.ranks] for one in self.slots],
        }
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]


def compile_windows(domain: Domain, manifest: Manifest) -> tuple[CompiledWindow, ...]:
    """Every live window of the domain.

    Raises:
        InvalidUsage: a window names what its stream has not, or makes no sense.
        BatchOnlyMetric: a metric cannot be computed from the stream's events.
        NotFound: the semantic manifest lacks a metric.
    """
    streams = {one.name: one for one in domain.streams}
    return tuple(
        compile_window(window, _stream(window, streams), manifest)
        for window in domain.live_windows
    )


def compile_window(
    window: LiveWindow, stream: EventStream, manifest: Manifest
) -> CompiledWindow:
    """One live window; raises as `compile_windows` does."""
    topic = _topic(window, stream)
    metrics = tuple(
        _bound(live_metric(manifest, name), stream) for name in window.metrics
    )
    for metric in metrics:
        _check_quantiles(metric)
        if metric.relation != stream.relation:
            why = f"it is of {metric.relation}, the events are of {stream.relation}"
            raise BatchOnlyMetric(metric.name, why)
    return CompiledWindow(
        declared=window,
        stream=stream,
        topic=topic,
        definition=window_definition(window.window),
        rules=stream_rules(window.order),
        metrics=metrics,
        slots=_slots(metrics, stream),
    )


def _check_quantiles(metric: LiveMetric) -> None:
    for reading in metric.readings:
        if reading.rank is not None and round(100 * reading.rank, 9) not in PERCENTILES:
            known = ", ".join(f"p{percent}" for percent in sorted(PERCENTILES))
            why = f"its percentile is {reading.rank:g}; streams know {known}"
            raise BatchOnlyMetric(metric.name, why)


def window_definition(spec: WindowSpec) -> WindowDefinition:
    """The engine's definition.

    Raises:
        InvalidUsage: it makes no sense.
    """
    return WindowDefinition(
        type=spec.type,
        size_ms=_ms(spec.size),
        slide_ms=_ms(spec.slide),
        gap_ms=_ms(spec.gap),
        offset_ms=_ms(spec.offset) or 0,
        allowed_lateness_ms=_ms(spec.allowed_lateness) or 0,
        timezone=spec.timezone,
    )


def stream_rules(order: StreamOrder) -> StreamRules:
    """The engine's rules.

    Raises:
        InvalidUsage: they make no sense.
    """
    return StreamRules(
        out_of_orderness_ms=_ms(order.out_of_orderness) or 0,
        idle_timeout_ms=_ms(order.idle_timeout),
        dedup_by_id=order.dedup_by_id,
        max_future_drift_ms=_ms(order.max_future_drift),
    )


def _topic(window: LiveWindow, stream: EventStream) -> EventTopic:
    kinds, keys = [one.name for one in stream.kinds], [t.key for t in stream.topics]
    topic = stream.topic_by(window.key)
    if topic is not None and window.kind in kinds:
        return topic
    problem = f"a topic keyed by {window.key!r} (there is {', '.join(keys)})"
    if topic is not None:
        problem = f"the kind {window.kind!r} (there is {', '.join(kinds)})"
    raise InvalidUsage(
        f"The live window {window.name!r} needs {problem} of the stream "
        f"{stream.name!r}.",
        hint="Correct the domain's live windows, or declare it in the stream.",
    )


def _stream(window: LiveWindow, streams: Mapping[str, EventStream]) -> EventStream:
    if window.stream not in streams:
        raise InvalidUsage(
            f"The live window {window.name!r} is of the stream {window.stream!r}, "
            f"which is not declared (declared: {', '.join(streams) or 'none'}).",
            hint="Correct `stream` of the live window.",
        )
    return streams[window.stream]


def _bound(metric: LiveMetric, stream: EventStream) -> LiveMetric:
    """The metric with the kinds that the stream's fields have."""
    return replace(metric, formula=_bound_formula(metric, metric.formula, stream))


def _bound_formula(
    metric: LiveMetric, formula: Formula, stream: EventStream
) -> Formula:
    match formula:
        case Reading():
            return replace(formula, slot=_bound_slot(metric, formula.slot, stream))
        case Ratio():
            return Ratio(
                _bound_formula(metric, formula.numerator, stream),
                _bound_formula(metric, formula.denominator, stream),
            )
    return Derived(
        formula.expression,
        tuple(
            (name, _bound_formula(metric, part, stream))
            for name, part in formula.inputs
        ),
    )


def _bound_slot(metric: LiveMetric, slot: Slot, stream: EventStream) -> Slot:
    for part in (*slot.where, *([slot.value] if slot.value else [])):
        _check_columns(metric, part, stream)
    value = slot.value
    if value is None or value.kind is not None:
        return slot
    (name,) = value.columns  # only a lone column has no kind of its own
    kind = _KINDS[_type_of(name, stream)]
    return Slot(parse(value.text, kind), slot.where)


def _check_columns(
    metric: LiveMetric, expression: Expression, stream: EventStream
) -> None:
    for name, kind in expression.columns.items():
        declared = stream.field(name)
        if declared is None:
            why = f"events of {stream.name} have no field {name}"
            raise BatchOnlyMetric(metric.name, why)
        if kind is not None and kind is not _KINDS[declared.type]:
            why = f"the field {name} is {declared.type}, a {kind} is needed"
            raise BatchOnlyMetric(metric.name, why)


def _slots(
    metrics: tuple[LiveMetric, ...], stream: EventStream
) -> tuple[BoundSlot, ...]:
    found: dict[tuple[Slot, bool], list[Reading]] = {}
    for reading in (one for metric in metrics for one in metric.readings):
        key = (reading.slot, reading.figure is Figure.DISTINCT)
        found.setdefault(key, []).append(reading)
    return tuple(
        BoundSlot(
            slot=slot,
            source=_source(slot, {one.figure for one in readings}, stream),
            ranks=tuple(sorted({one.rank for one in readings if one.rank is not None})),
            is_whole=slot.value is None or _is_whole(slot.value.root, stream),
        )
        for (slot, _), readings in found.items()
        if not _counts_events(slot, {one.figure for one in readings}, stream)
    )


def _counts_events(slot: Slot, figures: set[Figure], stream: EventStream) -> bool:
    """Whether only how many events there are is asked."""
    if figures != {Figure.COUNT} or slot.where:
        return False
    return slot.value is None or _never_null(slot.value, stream)


def _source(slot: Slot, figures: set[Figure], stream: EventStream) -> Source:
    if Figure.DISTINCT in figures:
        return Source.IDENTITY
    if figures == {Figure.COUNT}:
        return Source.PRESENCE
    name = _lone_column(slot.value)
    if name is not None and _type_of(name, stream) is ColumnType.INTEGER:
        return Source.INTEGER
    return Source.NUMBER


def _is_whole(node: Node | Branch, stream: EventStream) -> bool:
    match node:
        case Constant():
            return not isinstance(node.value, float) or node.value.is_integer()
        case Column():
            return _type_of(node.name, stream) in _WHOLE
        case Branch():
            return _is_whole(node.result, stream)
        case Arithmetic() if node.operator == "/":
            return False
    return all(_is_whole(part, stream) for part in children(node))


def _never_null(expression: Expression, stream: EventStream) -> bool:
    if isinstance(expression.root, Constant):
        return expression.root.value is not None
    name = _lone_column(expression)
    return any(one.name == name and not one.nullable for one in stream.fields)


def _lone_column(expression: Expression | None) -> str | None:
    if expression is not None and isinstance(expression.root, Column):
        return expression.root.name
    return None


def _type_of(name: str, stream: EventStream) -> ColumnType:
    return next(one.type for one in stream.fields if one.name == name)


def _ms(length: timedelta | None) -> int | None:
    """Whole milliseconds; a rest is an error of the declaration.

    Raises:
        InvalidUsage: the length is no whole number of milliseconds.
    """
    if length is None:
        return None
    whole, rest = divmod(length, timedelta(milliseconds=1))
    if rest:
        raise InvalidUsage(
            f"{length} is no whole number of milliseconds.",
            hint="Correct the live window.",
        )
    return whole
