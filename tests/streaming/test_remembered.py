"""A new process begins with the newest window of each key that stands."""

import json
from pathlib import Path

import pytest

from analytics_platform.adapters.control_store.migrations import migrate
from streaming.checkpoints.store import CheckpointStore
from streaming.definitions import compile_windows
from streaming.hub.wire import NO_CAUSE
from streaming.remembered import remembered
from tests.domains import readings as domain
from tests.support.driven import SOURCE, FakeConsumer, Process, logs_of, values_of
from tests.support.readings import last_readings, readings, stored

WINDOWS = compile_windows(domain.DOMAIN, domain.semantic_manifest())


@pytest.fixture
def url(tmp_path: Path) -> str:
    found = f"sqlite:///{tmp_path / 'stream.sqlite'}"
    migrate(found)
    return found


def test_what_stands_of_each_key_is_there_again_without_a_cause(url: str) -> None:
    events = [*readings(3, 400), *last_readings()]
    store = CheckpointStore.open(url)
    Process(store, FakeConsumer(values_of(logs_of(iter(events))))).run()
    store.close()
    newest: dict[tuple[str, str], int] = {}
    for window, key, start, _end in stored(url).windows:
        newest[window, key] = max(start, newest.get((window, key), start))
    found = list(remembered(url, SOURCE.cluster, WINDOWS))
    said = [json.loads(line) for one in found for line in one.batch.payloads]
    assert {(one["window"], one["key"]): one["start_ms"] for one in said} == newest
    assert len(said) == len(newest)
    for one in said:
        name = (one["window"], one["key"], one["start_ms"], one["end_ms"])
        assert name in stored(url).windows
    assert {cause for one in found for cause, _ in one.batch.causes} == {NO_CAUSE}


def test_another_cluster_and_an_unknown_window_remember_nothing(url: str) -> None:
    assert list(remembered(url, SOURCE.cluster, WINDOWS)) == []
    store = CheckpointStore.open(url)
    Process(store, FakeConsumer(values_of(logs_of(readings(3, 400))))).run()
    store.close()
    assert list(remembered(url, "another", WINDOWS)) == []
