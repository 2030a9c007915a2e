"""One live window at work: takes events, gives results, late events, refused ones."""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analytics_platform.contracts.messages import LateEvent
from analytics_platform.core.expression_arrays import Values, evaluate
from analytics_platform.core.live_results import LateCounts, LiveResults, pick
from analytics_platform.observability import get_logger
from streaming import identities
from streaming.causes import Position
from streaming.decoding import Columns
from streaming.definitions import BoundSlot, CompiledWindow, Source
from streaming.event_batch import HANDLER_ERROR, EventBatch, Rejected, told
from streaming.keys import KeyTable
from streaming.results import MetricReader
from streaming.windows.compilation import Kernels
from streaming.windows.emissions import Emissions
from streaming.windows.engine import WindowEngine
from streaming.windows.layout import LATE, RETRACTION, WINDOW
from streaming.windows.slots import Batch, SlotKind, SlotSpec, SlotValues

log = get_logger(__name__)

_KINDS: dict[Source, SlotKind] = {
    Source.NUMBER: "float",
    Source.PRESENCE: "float",
    Source.INTEGER: "integer",
    Source.IDENTITY: "identity",
}


@dataclass(frozen=True)
class WindowRows:
    """What one live window gave for one partition.

    `causes` are the records that the results follow from, each with how many results in
    a row; None is the time that passed.
    """

    window: str
    partition: int
    results: LiveResults
    late: LateCounts
    causes: tuple[tuple[Position | None, int], ...] = ()


@dataclass(frozen=True)
class Passed:
    """What came of some events: rows by partition, late events, refused ones."""

    rows: tuple[WindowRows, ...] = ()
    late: tuple[LateEvent, ...] = ()
    rejected: tuple[Rejected, ...] = ()


class WindowStage:
    """One live window over all assigned partitions."""

    def __init__(self, window: CompiledWindow, kernels: Kernels | None = None) -> None:
        self.window = window
        self._reader = MetricReader(window)
        self._listened_ms: int | None = None
        slots = [
            SlotSpec(str(place), _KINDS[slot.source], bool(slot.ranks))
            for place, slot in enumerate(window.slots)
        ]
        self.engine = WindowEngine(
            window.definition, window.rules, slots, kernels=kernels
        )

    def add(self, events: EventBatch, keys: KeyTable, now_ms: int) -> Passed:
        """Take events of the window's kind, in their order."""
        self._listen(now_ms)
        try:
            batch = self._batch(events)
        except Exception as error:
            sound, failed = self._apart(events)
            if not failed:  # it is not for any one event that they fail
                raise
            log.warning(
                "events_failed",
                window=self.window.name,
                error=repr(error),
                events=len(failed),
            )
            passed = self.add(sound, keys, now_ms)
            return replace(passed, rejected=(*passed.rejected, *failed))
        return self._passed(self.engine.add(batch, now_ms), events, keys)

    def tick(self, keys: KeyTable, now_ms: int) -> Passed:
        """Let time pass without events."""
        self._listen(now_ms)
        return self._passed(self.engine.tick(now_ms), None, keys)

    def flush(self, keys: KeyTable) -> Passed:
        """Close every window."""
        return self._passed(self.engine.flush(), None, keys)

    def _listen(self, now_ms: int) -> None:
        """Silence counts as idleness only while somebody listened."""
        timeout, before = self.window.rules.idle_timeout_ms, self._listened_ms
        self._listened_ms = now_ms
        if timeout is not None and (before is None or now_ms - before > timeout // 2):
            self.engine.resume(now_ms)

    def _batch(self, events: EventBatch) -> Batch:
        ids = None
        if self.window.rules.dedup_by_id:
            texts = events.columns.items(self.window.stream.id_field)
            ids = identities.of_texts([str(text) for text in texts])
        return Batch(
            ts_ms=events.ts_ms,
            partition=events.partition,
            key=events.key,
            values=[_contribution(one, events.columns) for one in self.window.slots],
            event_id=ids,
        )

    def _apart(self, events: EventBatch) -> tuple[EventBatch, list[Rejected]]:
        """The events that the window's expressions can be computed of, and the rest."""
        sound, failed = [], []
        for place in range(len(events)):
            try:
                self._batch(events.pick(np.array([place])))
            except Exception as error:  # noqa: BLE001 - whatever an event leads to
                name = self.window.name
                failed.append(events.rejected(place, HANDLER_ERROR, told(error), name))
            else:
                sound.append(place)
        return events.pick(np.array(sound, np.int64)), failed

    def _passed(
        self, emissions: Emissions, events: EventBatch | None, keys: KeyTable
    ) -> Passed:
        if not len(emissions):
            return Passed()
        late = emissions.late()
        lines = emissions.of(WINDOW, RETRACTION)
        rows = self._rows(lines, late, events, keys)
        if events is None:
            return Passed(rows)
        return Passed(
            rows, self._late(late, events, keys), self._rejected(emissions, events)
        )

    def _rows(
        self,
        lines: Emissions,
        late: Emissions,
        events: EventBatch | None,
        keys: KeyTable,
    ) -> tuple[WindowRows, ...]:
        counts = _late_counts(late, keys)
        results = self._reader.results(lines, keys.names(lines.keys))
        parts = _by_partition(lines, results)
        none = pick(results, np.zeros(0, np.int64))
        return tuple(
            WindowRows(
                self.window.name,
                partition,
                parts[partition][1] if partition in parts else none,
                counts.get(partition) or _NO_LATE,
                _causes(parts[partition][0], events) if partition in parts else (),
            )
            for partition in sorted({*parts, *counts})
        )

    def _late(
        self, late: Emissions, events: EventBatch, keys: KeyTable
    ) -> tuple[LateEvent, ...]:
        stream, topic = self.window.stream, self.window.topic.name
        rows = zip(
            late.events.tolist(),
            keys.names(late.keys),
            late.kinds.tolist(),
            late.counts.tolist(),
            late.reasons(),
            strict=True,
        )
        return tuple(
            LateEvent(
                window=self.window.name,
                key=key,
                event_id=str(events.item(stream.id_field, place)),
                ts_ms=int(events.ts_ms[place]),
                topic=topic,
                partition=int(events.partition[place]),
                offset=int(events.offset[place]),
                missed_windows=missed,
                reached_none=kind == LATE,
                reason=reason,
            )
            for place, key, kind, missed, reason in rows
        )

    def _rejected(
        self, emissions: Emissions, events: EventBatch
    ) -> tuple[Rejected, ...]:
        refused = emissions.dead_letters()
        pairs = zip(refused.events.tolist(), refused.reasons(), strict=True)
        return tuple(
            events.rejected(
                place,
                reason,
                f"the live window {self.window.name} did not take it",
                self.window.name,
            )
            for place, reason in pairs
        )


def _by_partition(
    lines: Emissions, results: LiveResults
) -> dict[int, tuple[Emissions, LiveResults]]:
    """The lines of each partition that has some, and their results."""
    partitions = np.unique(lines.partitions).tolist()
    if len(partitions) == 1:
        return {partitions[0]: (lines, results)}
    found = {}
    for partition in partitions:
        rows = np.flatnonzero(lines.partitions == partition)
        found[partition] = (lines.at(rows), pick(results, rows))
    return found


def _causes(
    lines: Emissions, events: EventBatch | None
) -> tuple[tuple[Position | None, int], ...]:
    """The records that some lines follow from, in runs."""
    if events is None or not len(lines):
        return ((None, len(lines)),) if len(lines) else ()
    places = lines.events
    first = np.flatnonzero(np.diff(places, prepend=places[0] - 1))
    sizes = np.diff(first, append=places.size)
    rows = places[first]
    found = zip(
        rows.tolist(),
        events.partition[rows].tolist(),
        events.offset[rows].tolist(),
        sizes.tolist(),
        strict=True,
    )
    return tuple(
        (Position(partition, offset) if place >= 0 else None, size)
        for place, partition, offset, size in found
    )


def _late_counts(late: Emissions, keys: KeyTable) -> dict[int, LateCounts]:
    """How many events each window missed, by partition."""
    line, starts, ends = late.missed()
    rows = zip(
        late.partitions[line].tolist(),
        keys.names(late.keys[line]),
        starts.tolist(),
        ends.tolist(),
        strict=True,
    )
    found: dict[int, Counter[tuple[str, int, int]]] = {}
    for partition, *window in rows:
        found.setdefault(partition, Counter())[tuple(window)] += 1
    return {partition: _counted(windows) for partition, windows in found.items()}


def _counted(windows: Counter[tuple[str, int, int]]) -> LateCounts:
    rows = list(windows)
    return LateCounts(
        keys=[key for key, _, _ in rows],
        start_ms=np.array([start for _, start, _ in rows], dtype=np.int64),
        end_ms=np.array([end for _, _, end in rows], dtype=np.int64),
        events=np.array(list(windows.values()), dtype=np.int64),
    )


_NO_LATE = _counted(Counter())


def _contribution(bound: BoundSlot, events: Columns) -> SlotValues:
    """What each of n events contributes to a slot."""
    counts = np.ones(len(events), np.bool_)
    for condition in bound.slot.where:
        columns = {name: events.values(name) for name in condition.columns}
        holds = evaluate(condition, columns, len(events))
        counts &= holds.valid & holds.data.astype(np.bool_)
    if bound.source is Source.INTEGER:
        name = next(iter(bound.slot.value.columns if bound.slot.value else ()))
        exact, valid = events.exact(name)
        return SlotValues(exact, valid & counts)
    values = _values(bound, events)
    valid = values.valid & counts
    if bound.source is Source.PRESENCE:
        return SlotValues(np.ones(len(events)), valid)
    if bound.source is Source.IDENTITY:
        return SlotValues(_identities(values), valid)
    return SlotValues(values.data.astype(np.float64), valid)


def _values(bound: BoundSlot, events: Columns) -> Values:
    value = bound.slot.value
    if value is None:
        return Values(np.ones(len(events)), np.ones(len(events), np.bool_))
    columns = {name: events.values(name) for name in value.columns}
    return evaluate(value, columns, len(events))


def _identities(values: Values) -> NDArray[np.int64]:
    if values.data.dtype == np.object_:
        return identities.of_texts(values.data.tolist())
    return identities.of_numbers(values.data.astype(np.float64))
