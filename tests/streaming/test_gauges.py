"""Gauges: what a driver did, as the metrics tell it, and when a process is well."""

from collections import Counter
from pathlib import Path

import pytest

from analytics_platform.adapters.control_store.migrations import migrate
from streaming.checkpoints.store import CheckpointStore
from streaming.gauges import Gauges
from streaming.membership import Progress
from streaming.metrics import StreamMetrics
from streaming.outgoing import Tally
from streaming.records import TopicPartition
from tests.domains import readings as domain
from tests.support.driven import FakeConsumer, FixedClock, Process, logs_of, values_of
from tests.support.readings import expected, last_readings, readings


class FakeProgress:
    """A consumer that owns nothing yet, or whose broker is away."""

    away_since: float | None = None

    def __init__(self) -> None:
        self.partitions: dict[TopicPartition, Progress] = {}

    def progress(self) -> dict[TopicPartition, Progress]:
        return self.partitions


@pytest.fixture
def done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Process:
    """A process that has taken 1,200 readings and four at the end."""
    monkeypatch.setattr("streaming.upkeep._SIZES_SECONDS", 0.0)
    url = f"sqlite:///{tmp_path / 'stream.sqlite'}"
    migrate(url)
    logs = values_of(logs_of([*readings(1, 1_200), *last_readings()]))
    logs[1].append(b"{")
    made = Process(CheckpointStore.open(url), FakeConsumer(logs))
    made.run()
    return made


def samples(metrics: StreamMetrics) -> dict[str, float]:
    lines = metrics.text()[0].decode().splitlines()
    pairs = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
    return {name.removeprefix("analytics_stream_"): float(n) for name, n in pairs}


def measured(done: Process) -> dict[str, float]:
    metrics = StreamMetrics()
    Gauges(metrics, FixedClock()).measure(done.driver)
    return samples(metrics)


def test_everything_that_was_done_is_counted_once(done: Process) -> None:
    metrics = StreamMetrics()
    gauges = Gauges(metrics, FixedClock())
    late = sum(sum(one.late.values()) for _, one in done.driver.tallies)
    gauges.measure(done.driver)
    gauges.measure(done.driver)
    found = samples(metrics)
    topic = f'topic="{domain.TOPIC}"'
    assert found[f"events_total{{{topic}}}"] == 1_204
    assert found[f'dead_letters_total{{reason="undecodable",{topic}}}'] == 1
    counted = [n for name, n in found.items() if name.startswith("late_events_total")]
    assert sum(counted) == late > 0
    assert found['late_window_updates_total{window="by_second"}'] > 0
    assert found['windows_total{window="visits"}'] > 0
    assert found['state_bytes{window="hopping"}'] > 0
    assert found[f"state_keys{{{topic}}}"] == 28
    assert found["commit_seconds_count"] > 0


def test_windows_and_late_events_are_counted_by_window_and_reason(
    done: Process,
) -> None:
    found = measured(done)
    truth = expected(logs_of([*readings(1, 1_200), *last_readings()]))
    windows = Counter(name for name, *_ in truth.windows)
    missed: Counter[str] = Counter()
    for (name, *_), number in truth.late.items():
        missed[name] += number
    by_second = 'late_events_total{reason="window_closed",window="by_second"}'
    assert found[by_second] == missed["by_second"] > 0
    for name in ("by_second", "hopping"):
        assert found[f'late_window_updates_total{{window="{name}"}}'] == missed[name]
        pushed = [one for one in done.pushed if one.channel == f"windows.{name}"]
        results = sum(len(one.batch) for one in pushed)
        assert found[f'windows_total{{window="{name}"}}'] == results
    assert found['windows_total{window="by_second"}'] == windows["by_second"]


def test_predictions_are_counted_and_so_are_events_without_one(done: Process) -> None:
    made, skipped = Counter(ride_minutes=3), Counter(ride_minutes=4)
    tally = Tally(predictions=made, unpredicted=skipped)
    done.driver.tallies += [(domain.TOPIC, tally), (domain.TOPIC, tally)]
    found = measured(done)
    assert found['predictions_total{prediction="ride_minutes"}'] == 6
    assert found['unpredicted_events_total{prediction="ride_minutes"}'] == 8


def test_a_watermark_is_as_late_as_that_of_the_window_that_waits_longest(
    done: Process,
) -> None:
    found = measured(done)
    (newest,) = {one.at for one in last_readings()}
    now_ms = FixedClock().now().timestamp() * 1000
    for one in range(domain.PARTITIONS):
        name = f'watermark_delay_seconds{{partition="{one}",topic="{domain.TOPIC}"}}'
        assert found[name] == (now_ms - newest + domain.PATIENCE_MS) / 1000


def test_a_partition_that_went_to_another_process_is_not_told_of(
    done: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streaming.gauges._EVERY_SECONDS", 0.0)
    metrics, consumer = StreamMetrics(), FakeProgress()
    gauges = Gauges(metrics, FixedClock())
    gauges.watch(consumer)  # type: ignore[arg-type]
    first, second = TopicPartition("orders", 0), TopicPartition("orders", 1)
    consumer.partitions = {
        first: Progress(5, 12, 12, paused=False),
        second: Progress(5, 9, 9, paused=False),
    }
    gauges.measure(done.driver)
    assert sum(lags(metrics).values()) == 11
    del consumer.partitions[first]
    gauges.measure(done.driver)
    assert list(lags(metrics).values()) == [4]
    assert samples(metrics)["clock_seconds"] == 1_704_067_200  # 2024 begins


def lags(metrics: StreamMetrics) -> dict[str, float]:
    found = samples(metrics).items()
    return {one: n for one, n in found if one.startswith("consumer_lag_records")}


def test_a_prediction_is_timed_by_its_model() -> None:
    metrics = StreamMetrics()
    metrics.observe_prediction("ride_minutes", 0.004)
    name = 'prediction_seconds_bucket{le="0.005",model="ride_minutes"}'
    assert samples(metrics)[name] == 1


def test_a_process_is_ready_when_it_was_given_partitions_and_its_broker_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gauges, consumer = Gauges(StreamMetrics(), FixedClock()), FakeProgress()
    gauges.watch(consumer)  # type: ignore[arg-type]
    monkeypatch.setattr("streaming.gauges.time.monotonic", lambda: 1_000.0)
    ready = gauges.ready_probes()
    assert ready["broker"]() is None
    assert ready["partitions"]() is not None
    consumer.away_since = 980.0
    assert ready["broker"]() == "the broker has not answered for 20 s"


def test_a_process_is_alive_while_its_driver_has_polled_within_a_minute(
    done: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1_000.0]
    monkeypatch.setattr("streaming.gauges.time.monotonic", lambda: now[0])
    gauges = Gauges(StreamMetrics(), FixedClock())
    is_polling = gauges.live_probes()["consumer"]
    now[0] += 60
    assert is_polling() is None
    now[0] += 1
    assert is_polling() == "nothing was polled for 61 s"
    gauges.measure(done.driver)
    assert is_polling() is None
