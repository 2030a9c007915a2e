"""Keys of which nothing is held are seen as such, and may become other keys.

lateness 5     window [0, 10) is emitted at 10 and takes events until 15
"""

from dataclasses import replace

import numpy as np
import pytest

from streaming.windows.definition import StreamRules, WindowDefinition, WindowType
from streaming.windows.engine import WindowEngine
from streaming.windows.slots import Batch

DAY = 86_400_000
TEN = WindowDefinition("tumbling", size_ms=10, allowed_lateness_ms=5)
SESSION = WindowDefinition("session", gap_ms=10, allowed_lateness_ms=5)
CALENDAR = WindowDefinition("calendar_day", allowed_lateness_ms=5)


def events(*found: tuple[int, int]) -> Batch:
    """(time, key); the time is the id too."""
    times = np.array([ts for ts, _ in found], np.int64)
    return Batch(
        ts_ms=times,
        partition=np.zeros(times.size, np.int32),
        key=np.array([key for _, key in found], np.int32),
        event_id=times,
    )


def used(engine: WindowEngine) -> list[bool]:
    """Of which of the first three keys something is held."""
    engine.forget_closed()
    engine.delta()  # what has changed is kept now
    found: list[bool] = engine.uses(np.arange(3, dtype=np.int32)).tolist()
    return found


def engine_of(definition: WindowDefinition, *, dedup: bool = False) -> WindowEngine:
    engine = WindowEngine(definition, StreamRules(dedup_by_id=dedup))
    engine.assign([0])
    return engine


@pytest.mark.parametrize("definition", [TEN, SESSION])
@pytest.mark.parametrize("dedup", [False, True])
def test_a_key_is_used_until_its_windows_take_no_more_events(
    definition: WindowDefinition, *, dedup: bool
) -> None:
    engine = engine_of(definition, dedup=dedup)
    engine.add(events((0, 0)))
    assert used(engine) == [True, False, False]
    engine.add(events((14, 1)))
    assert used(engine) == [True, True, False]
    engine.add(events((15, 1)))
    assert used(engine) == [False, True, False]


def test_a_revision_holds_its_key_as_long_as_there_may_be_another() -> None:
    for definition, end in ((TEN, 10), (CALENDAR, DAY)):
        engine = engine_of(definition)
        engine.add(events((end - 1, 0), (end, 1)))
        (found,) = engine.add(events((end - 1, 0))).revisions.tolist()
        assert found == 1
        engine.add(events((end + 4, 1)))
        assert used(engine)[0]
        engine.add(events((end + 5, 1)))
        assert not used(engine)[0]


@pytest.mark.parametrize("kind", ["tumbling", "session"])
def test_an_unwritten_change_holds_its_key(kind: WindowType) -> None:
    session = replace(SESSION, allowed_lateness_ms=0)
    engine = engine_of(session if kind == "session" else TEN)
    engine.add(events((0, 0), (100, 1)))
    assert engine.uses(np.array([0, 9], np.int32)).tolist() == [
        kind == "session",
        False,
    ]


def test_an_id_may_stand_for_a_key_of_another_partition() -> None:
    engine = engine_of(TEN)
    engine.add(events((0, 0), (100, 1)))
    assert not used(engine)[0]
    engine.disown(np.array([0, 50], np.int32))
    engine.assign([1])
    engine.add(replace_partition(events((101, 0)), 1))
    found = engine.flush().windows()
    assert sorted(zip(found.keys.tolist(), found.partitions.tolist(), strict=True)) == [
        (0, 1),
        (1, 0),
    ]


def replace_partition(batch: Batch, partition: int) -> Batch:
    """The same events from another partition."""
    return replace(batch, partition=np.full(len(batch), partition, np.int32))
