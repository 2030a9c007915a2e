"""Readings to send, and what live windows must give of them, counted one by one."""

import json
import math
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from analytics_platform.adapters.live_results import LiveResultReader, Span
from tests.domains import readings as domain

START_MS = 1_700_000_000_000
_STEP_MS, _KEYS, _LATE_SHARE, _LATEST_MS = 5, 24, 0.02, 2_000
_END_MS = START_MS + 10 * 3_600_000
_EVER = Span(-(2**62), 2**62)

Name = tuple[str, str, int, int]
"""Window, key, start and end."""
Figures = tuple[int, float, float, float, float]
"""Count, sum, mean, least and most."""


@dataclass(frozen=True)
class Reading:
    """One event and its partition."""

    partition: int
    at: int
    sensor: str
    level: float
    number: int

    @classmethod
    def of(cls, partition: int, value: bytes) -> "Reading":
        """The one that this is the JSON of."""
        told = json.loads(value)
        number = int(told["reading_id"].removeprefix("reading-"))
        return cls(partition, told["at"], told["sensor"], told["level"], number)

    @property
    def value(self) -> bytes:
        """Its JSON, about 200 bytes."""
        event = {
            "reading_id": f"reading-{self.number:012}",
            "what": "measured",
            "at": self.at,
            "sensor": self.sensor,
            "level": self.level,
            "note": "x" * 80,
        }
        return json.dumps(event).encode()


def readings(seed: int, count: int, *, first: int = 0) -> Iterator[Reading]:
    """Readings in the order in which they are sent, some of them late."""
    chance = random.Random(seed)  # noqa: S311 - events to test with
    for number in range(first, first + count):
        key = chance.randrange(_KEYS)
        behind = chance.randrange(domain.BOUND_MS)
        if chance.random() < _LATE_SHARE:
            behind = chance.randrange(_LATEST_MS)
        at = START_MS + number * _STEP_MS - behind
        level = chance.randrange(-400, 400) / 4  # sums are exact
        yield Reading(key % domain.PARTITIONS, at, f"s{key}", level, number)


def last_readings() -> Iterator[Reading]:
    """One in each partition, so late that it closes every window before it."""
    for partition in range(domain.PARTITIONS):
        yield Reading(partition, _END_MS, f"end{partition}", 0.0, -1 - partition)


@dataclass
class Found:
    """Windows that stand and late events of windows, by name."""

    windows: dict[Name, Figures] = field(default_factory=dict)
    late: dict[Name, int] = field(default_factory=dict)


def expected(partitions: Sequence[Sequence[Reading]]) -> Found:
    """What the live windows must give of each partition's readings, in their order."""
    levels: dict[Name, list[float]] = defaultdict(list)
    late: dict[Name, int] = defaultdict(int)
    visits: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for some in partitions:
        greatest = -(2**62)
        for one in some:
            mark = greatest - domain.BOUND_MS
            for name, lateness in _windows(one):
                if name[3] + lateness <= mark:
                    late[name] += 1
                else:
                    levels[name].append(one.level)
            visits[one.sensor].append((one.at, one.level))
            greatest = max(greatest, one.at)
    for sensor, events in visits.items():
        levels |= _sessions(sensor, sorted(events))
    closed = {name: _figures(some) for name, some in levels.items() if _is_over(name)}
    return Found(closed, dict(late))


def stored(url: str) -> Found:
    """What a sidecar has committed to a state database."""
    reader, found = LiveResultReader.open(url), Found()
    for window in domain.DOMAIN.live_windows:
        source = reader.source(window.name)
        rows = reader.results(source, _EVER)
        columns = [
            rows.values[name].values.tolist() if len(rows) else []
            for name in domain.METRICS
        ]
        ends = zip(rows.keys, rows.start_ms.tolist(), rows.end_ms.tolist(), strict=True)
        for name, *figures in zip(ends, *columns, strict=True):
            found.windows[(window.name, *name)] = (*figures,)
        late = reader.late(source, _EVER)
        for key, start, end, events in zip(
            late.keys,
            late.start_ms.tolist(),
            late.end_ms.tolist(),
            late.events.tolist(),
            strict=True,
        ):
            found.late[(window.name, key, start, end)] = events
    reader.close()
    return found


def _windows(one: Reading) -> Iterator[tuple[Name, int]]:
    start = one.at // domain.SECOND_MS * domain.SECOND_MS
    yield ("by_second", one.sensor, start, start + domain.SECOND_MS), 0
    start = one.at // domain.SLIDE_MS * domain.SLIDE_MS
    while start > one.at - domain.HOP_MS:
        name = ("hopping", one.sensor, start, start + domain.HOP_MS)
        yield name, domain.LATENESS_MS
        start -= domain.SLIDE_MS


def _sessions(
    sensor: str, events: Sequence[tuple[int, float]]
) -> dict[Name, list[float]]:
    found: dict[Name, list[float]] = {}
    start = end = events[0][0]
    levels: list[float] = []
    for at, level in events:
        if at > end + domain.GAP_MS:  # those that touch are one, as in Flink
            found[("visits", sensor, start, end + domain.GAP_MS)] = levels
            start, levels = at, []
        end = at
        levels.append(level)
    found[("visits", sensor, start, end + domain.GAP_MS)] = levels
    return found


def _figures(levels: Sequence[float]) -> Figures:
    total = math.fsum(levels)
    return len(levels), total, total / len(levels), min(levels), max(levels)


def _is_over(name: Name) -> bool:
    return name[3] < _END_MS - domain.PATIENCE_MS
