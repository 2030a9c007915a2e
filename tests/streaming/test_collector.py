"""The garbage collector is settled, measured, and run when nothing else is."""

import asyncio
import gc
from collections.abc import Iterator

import pytest

from streaming import collector
from streaming.collector import GarbageCollection
from streaming.metrics import StreamMetrics
from tests.support.loops import in_loop, until


@pytest.fixture
def metrics() -> StreamMetrics:
    return StreamMetrics()


@pytest.fixture
def collection(metrics: StreamMetrics) -> Iterator[GarbageCollection]:
    before = gc.get_threshold()
    made = GarbageCollection(metrics.collector_pause)
    yield made
    made.leave()
    gc.unfreeze()
    gc.set_threshold(*before)


def pauses(metrics: StreamMetrics, generation: int) -> float:
    name = "analytics_stream_collector_pause_seconds_count"
    value = metrics.registry.get_sample_value(name, {"generation": str(generation)})
    return value or 0.0


def test_what_lives_when_it_settles_is_not_looked_at_again(
    collection: GarbageCollection,
) -> None:
    collection.settle()
    assert gc.get_freeze_count() > 10_000
    assert gc.get_threshold() == (50_000, 20, 1_000)


def test_every_pause_is_measured_once(
    collection: GarbageCollection, metrics: StreamMetrics
) -> None:
    collection.watch()
    collection.watch()
    gc.collect(2)
    gc.collect(0)
    assert pauses(metrics, 2) == 1
    assert pauses(metrics, 0) >= 1
    collection.leave()
    gc.collect(2)
    assert pauses(metrics, 2) == 1


@pytest.mark.parametrize("is_at_rest", [True, False])
def test_it_collects_at_rest_or_when_it_must(
    collection: GarbageCollection,
    metrics: StreamMetrics,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_at_rest: bool,
) -> None:
    monkeypatch.setattr(collector, "_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(collector, "_EVERY_SECONDS", 0.02)
    monkeypatch.setattr(collector, "_AT_LATEST_SECONDS", 0.3)

    @in_loop
    async def scenario() -> None:
        job = asyncio.ensure_future(collection.collect_at_rest(lambda: is_at_rest))
        await asyncio.sleep(0.2)
        assert (pauses(metrics, 2) > 0) is is_at_rest
        await until(lambda: pauses(metrics, 2))
        job.cancel()

    collection.watch()
    scenario()
