"""Gauges: what a driver did, as the metrics tell it, and when a process is well."""

from pathlib import Path

import pytest

from analytics_platform.adapters.control_store.migrations import migrate
from streaming.checkpoints.store import CheckpointStore
from streaming.gauges import Gauges
from streaming.membership import Progress
from streaming.metrics import StreamMetrics
from streaming.records import TopicPartition
from tests.domains import readings as domain
from tests.support.driven import FakeConsumer, FixedClock, Process, logs_of, values_of
from tests.support.readings import last_readings, readings


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
