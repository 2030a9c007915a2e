"""Worked timelines; the watermark is the greatest timestamp less the disorder.

ts      0    5    10   15   20
window  [---------)[--------)      a window [0, 10) is emitted at watermark 10
"""

from collections.abc import Sequence

import numpy as np
import pytest

from analytics_platform.errors import InvalidUsage
from streaming.windows.definition import StreamRules, WindowDefinition
from streaming.windows.emissions import Emissions
from streaming.windows.engine import WindowEngine
from streaming.windows.slots import Batch, SlotSpec, SlotValues

TEN = WindowDefinition("tumbling", size_ms=10)


def engine_of(
    definition: WindowDefinition, rules: StreamRules | None = None, partitions: int = 1
) -> WindowEngine:
    engine = WindowEngine(definition, rules)
    engine.assign(range(partitions))
    return engine


def at(*instants: int, partition: int = 0, key: int = 0) -> Batch:
    number = len(instants)
    return Batch(
        ts_ms=np.array(instants, np.int64),
        partition=np.full(number, partition, np.int32),
        key=np.full(number, key, np.int32),
    )


def spans(given: Emissions) -> list[tuple[int, int, int]]:
    windows = given.windows()
    columns = (windows.starts, windows.ends, windows.counts)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_event_on_the_boundary_belongs_to_the_later_window() -> None:
    engine = engine_of(TEN)
    assert spans(engine.add(at(9, 10))) == [(0, 10, 1)]
    assert spans(engine.flush()) == [(10, 20, 1)]


def test_windows_before_1970_start_at_the_floor() -> None:
    engine = engine_of(TEN)
    assert spans(engine.add(at(-1, -10, 0))) == [(-10, 0, 2)]


def test_an_event_moves_the_watermark_only_after_it_is_counted() -> None:
    engine = engine_of(WindowDefinition("session", gap_ms=10))
    # 30 ends the session of 0; 10 touches it while it is open: [0, 20).
    assert spans(engine.add(at(0, 10, 30))) == [(0, 20, 2)]


def test_sessions_that_only_touch_are_one() -> None:
    engine = engine_of(WindowDefinition("session", gap_ms=10))
    engine.add(at(0, 10))
    assert spans(engine.flush()) == [(0, 20, 2)]


def test_a_late_event_that_joins_two_emitted_sessions_takes_both_back() -> None:
    """Sessions [0, 10) and [15, 25) are out when 8 comes: [0, 25) swallows both."""
    definition = WindowDefinition("session", gap_ms=10, allowed_lateness_ms=100)
    engine = engine_of(definition)
    assert spans(engine.add(at(0, 15, 50))) == [(0, 10, 1), (15, 25, 1)]
    given = engine.add(at(8))
    retracted = given.retractions()
    assert retracted.starts.tolist() == [0, 15]
    assert retracted.ends.tolist() == [10, 25]
    assert spans(given) == [(0, 25, 3)]


def test_allowed_lateness_gives_revisions() -> None:
    definition = WindowDefinition("tumbling", size_ms=10, allowed_lateness_ms=5)
    engine = engine_of(definition)
    given = [engine.add(at(ts)) for ts in (3, 12, 4, 5, 15, 6)]
    revisions = [one.windows().revisions.tolist() for one in given]
    assert revisions == [[], [0], [1], [2], [], []]
    assert given[-1].late().counts.tolist() == [1]


def test_windows_wait_for_the_slowest_partition() -> None:
    engine = engine_of(TEN, partitions=2)
    assert spans(engine.add(at(5, 30))) == []
    assert spans(engine.add(at(9, partition=1))) == []
    assert spans(engine.add(at(10, partition=1))) == [(0, 10, 2)]


def test_lateness_is_judged_by_the_own_partition() -> None:
    """Partition 0 is at 30, so 5 is late there; partition 1 has seen nothing yet."""
    engine = engine_of(TEN, partitions=2)
    engine.add(at(30))
    assert engine.add(at(5)).late().events.tolist() == [0]
    assert len(engine.add(at(5, partition=1)).late()) == 0


def test_a_silent_partition_holds_nobody_back() -> None:
    rules = StreamRules(idle_timeout_ms=1000)
    engine = engine_of(TEN, rules, partitions=2)
    engine.add(at(5), now_ms=0)
    assert spans(engine.add(at(20), now_ms=999)) == []
    assert spans(engine.tick(1000)) == [(0, 10, 1)]
    assert engine.idle_partitions() == [1]


def test_a_partition_back_from_idle_is_judged_by_the_watermark_it_found() -> None:
    rules = StreamRules(idle_timeout_ms=1000)
    engine = engine_of(TEN, rules, partitions=2)
    engine.add(at(5), now_ms=0)
    engine.add(at(20), now_ms=2000)
    given = engine.add(at(9, 10, 11, partition=1), now_ms=2000)
    assert given.late().events.tolist() == [0, 1, 2]
    assert len(engine.add(at(20, partition=1), now_ms=2000).late()) == 0


def test_a_pause_of_the_reader_makes_nobody_idle() -> None:
    engine = engine_of(TEN, StreamRules(idle_timeout_ms=1000), partitions=2)
    engine.add(at(5), now_ms=0)
    engine.resume(60_000)
    assert spans(engine.add(at(20), now_ms=60_000)) == []


def test_a_partition_with_events_to_be_read_is_not_idle() -> None:
    engine = engine_of(TEN, StreamRules(idle_timeout_ms=1000), partitions=2)
    engine.add(at(5), now_ms=0)
    engine.resume(1500, [1])
    assert spans(engine.add(at(20), now_ms=1500)) == []
    assert engine.idle_partitions() == []
    engine.tick(2500)
    assert engine.idle_partitions() == [0, 1]


def test_an_event_from_the_far_future_moves_no_watermark() -> None:
    engine = engine_of(TEN, StreamRules(max_future_drift_ms=100))
    given = engine.add(at(5, 1102, 1100), now_ms=1000)
    assert given.dead_letters().events.tolist() == [1]
    assert given.dead_letters().reasons() == ["too_far_in_future"]
    assert engine.watermark == 1100


def test_a_hopping_window_is_late_for_some_windows_only() -> None:
    """Size 10 by 5: at watermark 12 the event at 8 misses [0, 10), not [5, 15)."""
    definition = WindowDefinition("hopping", size_ms=10, slide_ms=5)
    engine = engine_of(definition)
    given = engine.add(at(12, 8))
    line, starts, ends = given.missed()
    assert (line.size, starts.tolist(), ends.tolist()) == (1, [0], [10])
    assert spans(engine.flush()) == [(5, 15, 2), (10, 20, 1)]


def test_an_event_of_a_partition_that_is_not_assigned_is_an_error() -> None:
    engine = engine_of(TEN)
    with pytest.raises(InvalidUsage, match="not assigned"):
        engine.add(at(1, partition=3))
    engine.revoke([0])
    with pytest.raises(InvalidUsage, match="not assigned"):
        engine.add(at(1))


def test_integers_stay_exact_beyond_the_precision_of_floats() -> None:
    slots = (SlotSpec("whole", "integer"),)
    engine = WindowEngine(TEN, slots=slots)
    engine.assign([0])
    values = [2**63 - 1, 2**63 - 1, 2**53 + 1, -(2**63), -5]
    engine.add(with_values(values, np.int64))
    aggregates = engine.flush().aggregates("whole")
    assert aggregates.exact_totals() == [sum(values)]
    assert [one.tolist() for one in aggregates.exact_extremes()] == [
        [-(2**63)],
        [2**63 - 1],
    ]


def test_nulls_count_as_events_but_not_as_values() -> None:
    engine = WindowEngine(TEN, slots=(SlotSpec("real"),))
    engine.assign([0])
    engine.add(with_values([1.5, np.nan, np.inf, -0.5], np.float64))
    given = engine.flush()
    aggregates = given.aggregates("real")
    assert given.counts.tolist() == [4]
    assert aggregates.number.tolist() == [2]
    assert (aggregates.mean()[0], aggregates.least[0]) == (0.5, -0.5)


def with_values(values: Sequence[float], dtype: type[np.generic]) -> Batch:
    zeros = np.zeros(len(values), np.int32)
    column = SlotValues(np.array(values, dtype))
    return Batch(zeros.astype(np.int64), zeros, zeros, (column,))
