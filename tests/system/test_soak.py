"""Three minutes of `make soak`: memory stays flat, every event is in its windows."""

from pathlib import Path
from statistics import median

import pytest

from analytics_platform.adapters.kafka_broker import KafkaBroker
from tests.benchmarks.stream.soak import soak
from tests.domains import readings as domain
from tests.support.stream_homes import make_stream_home

pytestmark = pytest.mark.system

_MINUTES = 3
_TURNS = 100
_BOUND_LAG = 200_000  # twenty seconds of events: a busy machine may be behind


def test_memory_is_flat_and_no_event_is_lost_while_windows_turn_over(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    make_stream_home(tmp_path / "home", domain.semantic_manifest())
    found = soak(kafka, tmp_path / "home", _MINUTES, say=False)
    assert found.missing() == dict.fromkeys(found.counted, 0)
    assert found.counted["by_second"][2] > 0, "no event was late"
    assert min(found.starts.values()) >= _TURNS
    assert found.frames > 0
    _, second, last = found.thirds
    assert median(last) <= 1.1 * median(second) + 8, found.samples
    assert found.samples[-1].lag < _BOUND_LAG
