"""Records in, windows out: figures against SQL and pandas over the same events."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analytics_platform.adapters.replay_events import EventReplay, SentEvent
from analytics_platform.adapters.semantic_layer import MetricRequest, SemanticLayer
from analytics_platform.adapters.warehouse import open_warehouse
from analytics_platform.contracts.messages import Prediction, WindowResult
from analytics_platform.contracts.streams import LiveWindow, StreamOrder, WindowSpec
from analytics_platform.domains.flights import DOMAIN
from analytics_platform.settings import Settings
from streaming.decoding import Columns
from streaming.definitions import compile_window
from streaming.pipeline import Output, Pipeline
from streaming.results import messages
from streaming.window_stage import WindowStage
from tests.domains.toy import DOMAIN as TOY
from tests.domains.toy.dataset import ZONE
from tests.domains.toy.streams import RIDES
from tests.support.raw_records import FakeRecords
from tests.support.semantic_yaml import TOY as TOY_YAML
from tests.support.semantic_yaml import manifest_of

DAY = datetime(2010, 9, 8, tzinfo=ZONE)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def rides() -> list[SentEvent]:
    """What happened on three days, one of 23 hours, in the order it was sent."""
    return list(EventReplay(TOY, RIDES).events(DAY, DAY + timedelta(days=3)))


def live_window(**changes: Any) -> LiveWindow:
    fields = {
        "name": "returns",
        "description": "",
        "owner": "team:bikes",
        "stream": "rides",
        "kind": "returned",
        "key": "station_code",
        "metrics": ("returned_rentals", "mean_duration_minutes", "overdue_share"),
        "window": WindowSpec(type="tumbling", size=HOUR),
        "order": StreamOrder(out_of_orderness=timedelta(minutes=7), idle_timeout=None),
        "event_time": "returned_at_utc",
    }
    return LiveWindow(**{**fields, **changes})


def pipeline(*windows: LiveWindow, partitions: int = 1, **options: Any) -> Pipeline:
    manifest = manifest_of(TOY_YAML)
    stages = [WindowStage(compile_window(one, RIDES, manifest)) for one in windows]
    made = Pipeline(RIDES, "rides", stages, **options)
    made.assign(range(partitions))
    return made


def in_parts(
    events: Sequence[SentEvent], partitions: int, size: int
) -> list[list[FakeRecords]]:
    """Polls of `size` events, keyed onto partitions."""
    offsets = [0] * partitions
    polls = []
    for first in range(0, len(events), size):
        values: dict[int, list[bytes]] = {}
        for event in events[first : first + size]:
            values.setdefault(sum(event.keys[0]) % partitions, []).append(event.value)
        polled = []
        for partition, some in values.items():
            polled.append(FakeRecords(some, ("rides", partition), offsets[partition]))
            offsets[partition] += len(some)
        polls.append(polled)
    return polls


def run(made: Pipeline, polls: Sequence[Sequence[FakeRecords]]) -> list[Output]:
    return [*(made.process(polled, 0) for polled in polls), made.flush()]


def windows_of(outputs: Sequence[Output]) -> list[WindowResult]:
    """The last revision of each window, by start and key."""
    last = {}
    for output in outputs:
        for rows in output.windows:
            for message in messages(rows.window, rows.results):
                name = (message.window, message.start_ms, message.end_ms, message.key)
                last[name] = message
                if not isinstance(message, WindowResult):
                    del last[name]
    return [last[name] for name in sorted(last)]  # type: ignore[misc]


def frame(events: Sequence[SentEvent], kind: str) -> pd.DataFrame:
    rows = [json.loads(event.value) for event in events]
    return pd.DataFrame([row for row in rows if row["what"] == kind])


@pytest.mark.parametrize(("partitions", "size"), [(1, 10_000), (3, 40), (3, 1)])
def test_tumbling_windows_have_the_figures_that_pandas_computes(
    rides: list[SentEvent], partitions: int, size: int
) -> None:
    made = pipeline(live_window(), partitions=partitions)
    outputs = run(made, in_parts(rides, partitions, size))
    returned = frame(rides, "returned")
    returned["start"] = returned["at"] // 3_600_000 * 3_600_000
    grouped: Any = returned.groupby(["start", "station_code"]).duration_minutes
    assert not [late for output in outputs for late in output.late]
    assert [
        (one.start_ms, one.end_ms, one.key, one.count, one.metrics)
        for one in windows_of(outputs)
    ] == [
        (
            start,
            start + 3_600_000,
            key,
            len(some),
            {
                "returned_rentals": len(some),
                "mean_duration_minutes": pytest.approx(some.mean(), rel=1e-12),
                "overdue_share": pytest.approx((some > 40).mean(), rel=1e-12),
            },
        )
        for (start, key), some in grouped
    ]


def test_a_calendar_day_of_23_hours_holds_what_happened_on_it(
    rides: list[SentEvent],
) -> None:
    # Clocks in Cairo went forward at the first midnight of 2010-09-10.
    day = live_window(window=WindowSpec(type="calendar_day", timezone="Africa/Cairo"))
    found = windows_of(run(pipeline(day), in_parts(rides, 1, 50)))
    returned = frame(rides, "returned")
    local = pd.to_datetime(returned["at"], unit="ms", utc=True).dt.tz_convert(ZONE)
    expected = returned.groupby([local.dt.date, "station_code"]).size()
    assert [one.count for one in found] == expected.tolist()
    assert {(one.end_ms - one.start_ms) // 3_600_000 for one in found} >= {23, 24}


def test_windows_of_both_kinds_are_made_from_one_topic(rides: list[SentEvent]) -> None:
    made = pipeline(*TOY.live_windows)
    outputs = [made.process(polled, 0) for polled in in_parts(rides, 1, 100)]
    assert sum(output.events for output in outputs) == len(rides)
    found = windows_of([*outputs, made.flush()])
    for name, kind in (("rentals_by_hour", "rented"), ("returns_by_day", "returned")):
        counted = sum(one.count for one in found if one.window == name)
        assert counted == len(frame(rides, kind))


def ride(number: int, minutes: int, **more: object) -> bytes:
    event = {
        "ride_event": f"{number}-back",
        "what": "returned",
        "at": 1_284_000_000_000 + 60_000 * minutes,
        "rental_key": number,
        "station_code": "DOK",
        "duration_minutes": 10,
    }
    return json.dumps({**event, **more}).encode()


def test_an_event_after_its_window_is_reported_and_counted_with_it() -> None:
    # 1_284_000_000_000 is on the hour plus 40 minutes: [20, 80) minutes is a window.
    #   20 |---- 30 ----| 80    95 closes it (bound 7 minutes), then 31 comes
    made = pipeline(live_window())
    values = [ride(1, 30), ride(2, 95), ride(3, 31)]
    output = made.process([FakeRecords(values, ("rides", 0), 5)], 0)
    (rows,) = output.windows
    start = 1_284_000_000_000 + 20 * 60_000
    assert rows.late.start_ms.tolist() == [start]
    assert rows.late.end_ms.tolist() == [start + 3_600_000]
    assert rows.late.events.tolist() == [1]
    assert list(rows.late.keys) == ["DOK"]
    (late,) = output.late
    assert (late.event_id, late.offset, late.key) == ("3-back", 7, "DOK")
    assert (late.missed_windows, late.reached_none) == (1, True)
    assert output.next_offsets == {0: 8}


def test_what_cannot_be_used_is_given_back_with_its_record() -> None:
    drift = StreamOrder(max_future_drift=HOUR, idle_timeout=None, dedup_by_id=True)
    made = pipeline(live_window(order=drift), live_window(name="same", order=drift))
    values = [b"{", ride(1, 0), ride(2, 500), ride(1, 0)]
    now = 1_284_000_000_000
    output = made.process([FakeRecords(values, ("rides", 0), 100)], now)
    found = [(one.letter.offset, one.letter.error) for one in output.rejected]
    assert found == [
        (100, "undecodable"),
        (102, "too_far_in_future"),
        (103, "duplicate"),
    ]
    for one in output.rejected:
        assert one.letter.topic == "rides"
        assert one.records.record(one.index).value == values[one.letter.offset - 100]


def test_keys_of_a_revoked_partition_are_forgotten() -> None:
    made = pipeline(live_window(), partitions=2)
    made.process([FakeRecords([ride(1, 0)], ("rides", 1))], 0)
    made.revoke([1])
    assert len(made.keys) == 0
    assert made.flush().windows == []


@dataclass
class Echo:
    """Predicts nothing, and keeps which events it was asked about."""

    name: str = "echo"
    kind: str = "rented"
    fields: frozenset[str] = frozenset({"rider_kind"})
    asked: list[str] = field(default_factory=list)

    def predict(self, events: Columns) -> list[Prediction]:
        self.asked += events.items("ride_event")
        return []


def test_each_event_of_its_kind_reaches_a_predictor_once(
    rides: list[SentEvent],
) -> None:
    echo = Echo()
    made = pipeline(*TOY.live_windows, predictors=[echo])
    for polled in in_parts(rides, 1, 200):
        made.process(polled, 0)
    assert echo.asked == frame(rides, "rented").ride_event.tolist()


@dataclass
class Sour(Echo):
    """Says the number of each ride, and raises at those that end in three."""

    name: str = "sour"
    kind: str = "returned"
    fields: frozenset[str] = frozenset({"rental_key"})

    def predict(self, events: Columns) -> list[Prediction]:
        numbers = events.items("rental_key")
        if any(number % 10 == 3 for number in numbers):
            raise ZeroDivisionError("three")
        ids: list[str] = events.items("ride_event")
        made: Any = Prediction.model_construct
        return [
            made(event_id=name, value=float(number))
            for name, number in zip(ids, numbers, strict=True)
        ]


@pytest.mark.parametrize("size", [1, 50])
def test_an_event_that_a_predictor_fails_on_is_set_aside_and_counts_in_its_window(
    rides: list[SentEvent], size: int
) -> None:
    polls = in_parts(rides, 3, size)
    outputs = run(pipeline(live_window(), partitions=3, predictors=[Sour()]), polls)
    returned = frame(rides, "returned")
    threes = set(returned[returned.rental_key % 10 == 3].ride_event)
    assert threes
    made = [(p.event_id, c) for o in outputs for p, c in _predicted(o)]
    assert sorted(name for name, _ in made) == sorted({*returned.ride_event} - threes)
    rejected = [one for output in outputs for one in output.rejected]
    stories = {(o.letter.error, o.letter.prediction) for o in rejected}
    assert stories == {("handler_error", "sour")}
    assert {one.letter.message for one in rejected} == {"ZeroDivisionError: three"}
    records = [one.records.record(one.index).value or b"" for one in rejected]
    assert sorted(json.loads(one)["ride_event"] for one in records) == sorted(threes)
    sent = {
        (records.where[1], int(offset)): json.loads(value or b"")["ride_event"]
        for polled in polls
        for records in polled
        for offset, value in zip(records.offsets, records.values, strict=True)
    }
    assert all(sent[cause.partition, cause.offset] == name for name, cause in made)
    without = run(pipeline(live_window(), partitions=3), polls)
    assert windows_of(outputs) == windows_of(without)


def _predicted(output: Output) -> list[tuple[Prediction, Any]]:
    pairs = zip(output.predictions, output.prediction_causes, strict=True)
    return list(pairs)


class Broken(Echo):
    """Takes nothing."""

    def predict(self, _events: Columns) -> list[Prediction]:
        raise OSError("no model")


def test_a_broken_predictor_ends_neither_the_work_nor_the_letters_bounds(
    rides: list[SentEvent],
) -> None:
    made = pipeline(*TOY.live_windows, predictors=[Broken()])
    outputs = [made.process(polled, 0) for polled in in_parts(rides, 1, 200)]
    letters = sum(len(output.rejected) for output in outputs)
    skipped = sum(output.unpredicted["echo"] for output in outputs)
    assert letters == 20
    assert letters + skipped == len(frame(rides, "rented"))
    assert sum(output.events for output in outputs) == len(rides)


def late_by_carrier(manifest: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Late and arrived flights of two days by carrier, out of live windows."""
    declared = {one.name: one for one in DOMAIN.live_windows}["carrier_arrivals_60m"]
    patient = StreamOrder(out_of_orderness=3 * HOUR, idle_timeout=None)
    window = declared.model_copy(update={"order": patient})
    stream, topic = DOMAIN.streams[0], "flight_events_by_carrier"
    stage = WindowStage(compile_window(window, stream, manifest))
    made = Pipeline(stream, topic, [stage])
    made.assign([0])
    start = datetime(2013, 1, 1, 5, tzinfo=UTC)
    events = EventReplay(DOMAIN, stream).events(start, start + timedelta(days=4))
    days = (b'"flight_key":"2013-01-01-', b'"flight_key":"2013-01-02-')
    values = [one.value for one in events if any(day in one.value for day in days)]
    found: dict[str, tuple[int, int]] = {}
    for one in windows_of(run(made, [[FakeRecords(values, (topic, 0))]])):
        late, arrived = found.get(one.key, (0, 0))
        late += int(one.metrics["late_flights"] or 0)
        found[one.key] = (late, arrived + int(one.metrics["arrived_flights"] or 0))
    return found


@pytest.mark.parametrize("minutes", [15, 30])
def test_one_line_of_the_metric_moves_live_windows_and_mart_together(
    built_home: Path, tmp_path: Path, minutes: int
) -> None:
    published = built_home / "dbt/duckdb/target/semantic_manifest.json"
    text = published.read_text()
    assert text.count("arrival_delay_minutes > 15") == 1
    changed = tmp_path / "semantic_manifest.json"
    changed.write_text(text.replace("minutes > 15", f"minutes > {minutes}"))
    layer = SemanticLayer(changed)
    request = MetricRequest(("late_flights", "arrived_flights"), ("carrier",))
    with open_warehouse(Settings(home=built_home)).session() as session:
        sql = layer.sql(request).replace(
            "marts.fct_flights",
            "(select * from marts.fct_flights where flight_date < date '2013-01-03')",
        )
        mart = {
            row["carrier"]: (int(row["late_flights"]), int(row["arrived_flights"]))
            for row in session.arrow(sql).to_pylist()
        }
    assert late_by_carrier(json.loads(changed.read_bytes())) == mart
