"""Runs a scenario through the window engine and says line by line what it gives."""

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence

import numpy as np

from streaming.scenario import Item, Scenario
from streaming.windows.compilation import Kernels
from streaming.windows.emissions import DEAD_LETTERS, REASONS, Emissions
from streaming.windows.engine import WindowEngine
from streaming.windows.layout import LATE, PARTLY_LATE, RETRACTION, WINDOW
from streaming.windows.slots import Batch, SlotSpec, SlotValues

Line = dict[str, object]

# Whole numbers are summed apart from others, so that their sums stay exact.
_SLOTS = (SlotSpec("whole", "integer"), SlotSpec("real", "float"))
_NO_ITEM: Sequence[Item] = ()


def simulate(scenario: Scenario, kernels: Kernels | None = None) -> Iterator[Line]:
    """The output of a scenario in order of emission, a summary at the end.

    A sum is whole where all values are whole, and 0 where there is none.
    """
    run = _Run(scenario, kernels)
    for items in _stretches(scenario.items):
        yield from run.take(items)
    if scenario.flush_at_end:
        yield from run.flush()
    yield run.summary()


class _Run:
    """One engine at work, the names of its keys, and what has been counted."""

    def __init__(self, scenario: Scenario, kernels: Kernels | None) -> None:
        self._engine = WindowEngine(
            scenario.window, scenario.rules, _SLOTS, kernels=kernels
        )
        self._partitions = {p: at for at, p in enumerate(scenario.partitions)}
        self._engine.assign(range(len(scenario.partitions)))
        self._ids: dict[Hashable, int] = {}
        self._keys: dict[Hashable, int] = {}
        self._names: list[str | int | None] = []
        self._counts: Counter[str] = Counter()

    def take(self, items: Sequence[Item]) -> Iterator[Line]:
        now = items[0].proc_ms
        if items[0].tick and now is not None:
            yield from self._lines(self._engine.tick(now), _NO_ITEM)
            return
        self._counts["events"] += len(items)
        yield from self._lines(self._engine.add(self._batch(items), now), items)

    def flush(self) -> Iterator[Line]:
        yield from self._lines(self._engine.flush(), _NO_ITEM)

    def summary(self) -> Line:
        names = (
            "events",
            "windows",
            "late_dropped",
            "late_window_updates_dropped",
            "dead_letters",
        )
        return {"kind": "summary", **{name: self._counts[name] for name in names}}

    def _batch(self, items: Sequence[Item]) -> Batch:
        values = [item.value for item in items]
        whole = [isinstance(value, int) for value in values]
        wholes = [value if isinstance(value, int) else 0 for value in values]
        reals = [value if isinstance(value, float) else np.nan for value in values]
        return Batch(
            ts_ms=np.array([item.ts_ms for item in items], np.int64),
            partition=np.array(
                [self._partitions[item.partition or 0] for item in items], np.int32
            ),
            key=np.array([self._key(item.key) for item in items], np.int32),
            values=(
                SlotValues(np.array(wholes, np.int64), np.array(whole)),
                SlotValues(np.array(reals, np.float64)),
            ),
            event_id=np.array([self._id(item) for item in items], np.int64),
        )

    def _key(self, name: str | int | None) -> int:
        """The number of a key; 1 and "1" are two keys."""
        number = self._keys.setdefault((type(name), name), len(self._names))
        if number == len(self._names):
            self._names.append(name)
        return number

    def _id(self, item: Item) -> int:
        """A number per id; an event without one is nobody's duplicate."""
        name = (type(item.id), item.id) if item.id is not None else object()
        return self._ids.setdefault(name, len(self._ids))

    def _lines(self, given: Emissions, items: Sequence[Item]) -> Iterator[Line]:
        whole, real = given.aggregates("whole"), given.aggregates("real")
        whole_sums, real_counts = whole.exact_totals(), real.number.tolist()
        real_sums = real.total.tolist()
        for at, (kind, key, start, end, count, revision, event) in enumerate(
            given.lines.tolist()
        ):
            if kind == WINDOW:
                self._counts["windows"] += 1
                total: int | float = whole_sums[at]
                if real_counts[at]:
                    total += real_sums[at]
                yield {
                    "kind": "window",
                    "key": self._names[key],
                    "start_ms": start,
                    "end_ms": end,
                    "count": count,
                    "sum": total,
                    "revision": revision,
                }
            elif kind == RETRACTION:
                name = self._names[key]
                yield {"kind": "retract", "key": name, "start_ms": start, "end_ms": end}
            else:
                yield from self._event_lines(kind, count, items[event])

    def _event_lines(self, kind: int, missed: int, item: Item) -> Iterator[Line]:
        line: Line = {"key": item.key, "ts_ms": item.ts_ms, "value": item.value}
        if kind in (LATE, PARTLY_LATE):
            self._counts["late_window_updates_dropped"] += missed
        if kind == LATE:
            self._counts["late_dropped"] += 1
            yield {"kind": "late", **line, "reason": REASONS[kind]}
        if kind in DEAD_LETTERS:
            self._counts["dead_letters"] += 1
            place: Line = {"partition": item.partition or 0, "offset": item.offset}
            place["id"] = item.id
            yield {"kind": "dead_letter", **line, **place, "reason": REASONS[kind]}


def _stretches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Events that come at one processing time together, each tick by itself."""
    begin = 0
    now = None
    for at, item in enumerate(items):
        moved = item.proc_ms is not None and item.proc_ms != now
        if at > begin and (item.tick or moved or items[begin].tick):
            yield items[begin:at]
            begin = at
        now = now if item.proc_ms is None else item.proc_ms
    if begin < len(items):
        yield items[begin:]
