"""Rides that were streamed and that are in a mart: both sides of the same events."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml

from analytics_platform.adapters.contract_columns import column_types, ensure_table
from analytics_platform.adapters.event_offsets import EventOffsets, Place, Step
from analytics_platform.adapters.warehouse import Session
from analytics_platform.contracts.streams import LiveWindow, StreamOrder, WindowSpec
from analytics_platform.core.event_rows import EventReader, EventTable, Fault
from analytics_platform.core.event_span import Mark, Seen
from streaming.checkpoints.claims import Jump
from streaming.checkpoints.store import CheckpointStore
from streaming.checkpoints.values import Commit, Move, ResultBlob, Source
from streaming.definitions import compile_window
from streaming.pipeline import Output, Pipeline
from streaming.window_stage import WindowStage
from tests.domains.toy.streams import RIDES
from tests.support.raw_records import FakeRecords
from tests.support.semantic_yaml import TOY, manifest

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
START = datetime(2010, 9, 8, tzinfo=UTC)  # clocks in Cairo go forward on the 10th
STREAM = RIDES.model_copy(update={"settles_after": 3 * HOUR})
PLACE = Place("cluster-1", "rides")
SOURCE = Source(PLACE.cluster, PLACE.topic)
METRICS = (
    *("returned_rentals", "mean_duration_minutes", "overdue_share"),
    *("longest", "shortest", "p90", "kinds_of_length", "total_minutes"),
)
SHAPES = {
    "tumbling": WindowSpec(type="tumbling", size=HOUR, offset=7 * MINUTE),
    "hopping": WindowSpec(type="hopping", size=HOUR, slide=25 * MINUTE),
    "session": WindowSpec(type="session", gap=20 * MINUTE),
    "calendar_day": WindowSpec(type="calendar_day", timezone="Africa/Cairo"),
}
_MORE = """
semantic_models:
  - name: lengths
    model: ref('fct_rentals')
    measures:
      - {name: longest, agg: max, expr: duration_minutes}
      - {name: shortest, agg: min, expr: duration_minutes}
      - {name: total_minutes, agg: sum, expr: duration_minutes}
      - {name: kinds_of_length, agg: count_distinct, expr: duration_minutes}
      - name: p90
        agg: percentile
        expr: duration_minutes
        agg_params: {percentile: 0.9, use_discrete_percentile: false}
metrics:
  - {name: longest, type: simple, type_params: {measure: longest}}
  - {name: shortest, type: simple, type_params: {measure: shortest}}
  - {name: total_minutes, type: simple, type_params: {measure: total_minutes}}
  - {name: kinds_of_length, type: simple, type_params: {measure: kinds_of_length}}
  - {name: p90, type: simple, type_params: {measure: p90}}
"""


def semantics(*changes: tuple[str, str]) -> dict[str, Any]:
    """The toy's metrics and some more, each (old, new) of `changes` made once."""
    text = (TOY / "rentals.yml").read_text()
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return manifest(yaml.safe_load(text), yaml.safe_load(_MORE))


def live_window(shape: str, **changes: Any) -> LiveWindow:
    """A live window of returns in a shape."""
    fields = {
        "name": shape,
        "description": "",
        "owner": "team:bikes",
        "stream": "rides",
        "kind": "returned",
        "key": "station_code",
        "metrics": METRICS,
        "window": SHAPES[shape],
        "order": StreamOrder(out_of_orderness=7 * MINUTE, idle_timeout=None),
        "event_time": "returned_at_utc",
    }
    return LiveWindow(**{**fields, **changes})


@dataclass(frozen=True)
class Return:
    """A bike that came back."""

    key: int
    station: str
    at: datetime
    minutes: int | None
    delay: timedelta

    @property
    def value(self) -> bytes:
        """Its event."""
        event = {
            "ride_event": f"{self.key}-back",
            "what": "returned",
            "at": round(self.at.timestamp() * 1000),
            "rental_key": self.key,
            "station_code": self.station,
            "duration_minutes": self.minutes,
        }
        return json.dumps(event).encode()


def returns(count: int, *, days: int = 4, late_share: float = 0.0) -> list[Return]:
    """Returns at random, in the order they were sent; late ones by up to two hours."""
    chance = random.Random(count)  # noqa: S311 - test data
    found = []
    for key in range(count):
        late = chance.random() < late_share
        delay = chance.uniform(20, 120) if late else chance.uniform(0, 6)
        at = START + timedelta(milliseconds=chance.randrange(days * 86_400_000))
        minutes = None if chance.random() < 0.05 else chance.randrange(1, 90)
        station = chance.choice(["DOK", "ZAM", "MAA"])
        found.append(Return(key, station, at, minutes, delay * MINUTE))
    return sorted(found, key=lambda one: one.at + one.delay)


@dataclass
class LiveRun:
    """Streams returns through live windows into a state database, and loads them."""

    url: str
    sent: Sequence[Return]
    metrics: dict[str, Any] = field(default_factory=semantics)
    partitions: int = 2

    def stream(self, *windows: LiveWindow) -> None:
        """Commit what the windows gave, and how far they have read."""
        stages = [
            WindowStage(compile_window(one, STREAM, self.metrics)) for one in windows
        ]
        made = Pipeline(STREAM, PLACE.topic, stages)
        made.assign(range(self.partitions))
        store = CheckpointStore.open(self.url)
        prints = {one.window.name: one.window.fingerprint for one in stages}
        store.declare(SOURCE, prints, now_ms=1)
        claims = store.claim(SOURCE, range(self.partitions), owner="w", now_ms=1)
        ends = dict.fromkeys(range(self.partitions), 0)
        for partition in claims:
            store.begin_at(SOURCE, partition, Jump(0, "first", 1))
        for polled in self._polls(100):
            output = made.process(polled, 0)
            moves = {
                partition: Move(claims[partition].epoch, ends[partition], end)
                for partition, end in output.next_offsets.items()
            } | {
                partition: Move(
                    claims[partition].epoch, ends[partition], ends[partition]
                )
                for partition in ends
                if partition not in output.next_offsets
            }
            store.commit(Commit(SOURCE, moves, 1, results=list(_blobs(output))))
            ends |= output.next_offsets
        store.close()

    def load(self, session: Session) -> None:
        """Write the mart, the raw events and their offsets."""
        session.execute("create schema if not exists marts")
        session.execute(
            "create table marts.fct_rentals (rental_key bigint, station_code text, "
            "returned_at_utc timestamp, duration_minutes bigint)"
        )
        rows = [
            (one.key, one.station, one.at.replace(tzinfo=None), one.minutes)
            for one in {one.key: one for one in self.sent}.values()
        ]
        _insert(session, "marts.fct_rentals", rows)
        self._load_raw(session)

    def _load_raw(self, session: Session) -> None:
        table = EventTable(STREAM)
        ensure_table(session, "raw.rides", column_types(table, "duckdb"), "duckdb")
        offsets = EventOffsets(STREAM, session, "duckdb")
        offsets.ensure()
        rows = []
        marks: dict[int, list[Mark]] = {n: [] for n in range(self.partitions)}
        for one in self.sent:
            number = self._partition(one)
            mark = Mark(number, len(marks[number]), round(one.at.timestamp() * 1000))
            event = EventReader(STREAM).read(one.value)
            assert not isinstance(event, Fault)
            rows.append((*event.values(), PLACE.cluster, number, mark.offset))
            marks[number].append(mark)
        _insert(session, "raw.rides", rows)
        steps = [
            Step(number, Seen(0, len(some)), some[0], some[-1], len(some))
            for number, some in marks.items()
            if some
        ]
        offsets.write(PLACE, steps)

    def _polls(self, size: int) -> list[list[FakeRecords]]:
        ends = dict.fromkeys(range(self.partitions), 0)
        polls = []
        for first in range(0, len(self.sent), size):
            values: dict[int, list[bytes | None]] = {}
            for one in self.sent[first : first + size]:
                values.setdefault(self._partition(one), []).append(one.value)
            polls.append(
                [
                    FakeRecords(some, (PLACE.topic, number), ends[number])
                    for number, some in values.items()
                ]
            )
            for number, some in values.items():
                ends[number] += len(some)
        return polls

    def _partition(self, one: Return) -> int:
        return sum(one.station.encode()) % self.partitions


def _insert(session: Session, table: str, rows: Sequence[tuple[object, ...]]) -> None:
    texts = [f"({', '.join(map(_literal, row))})" for row in rows]
    session.execute(f"insert into {table} values {', '.join(texts)}")


def _literal(item: object) -> str:
    if item is None or isinstance(item, int):
        return "null" if item is None else str(item)
    return f"'{item}'"


def _blobs(output: Output) -> list[ResultBlob]:
    found = []
    for rows in output.windows:
        if len(rows.results):
            found.append(ResultBlob.of(rows.window, rows.partition, rows.results))
        if len(rows.late):
            found.append(ResultBlob.of_late(rows.window, rows.partition, rows.late))
    return found
