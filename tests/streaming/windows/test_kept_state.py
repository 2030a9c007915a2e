"""Kept state: what is refused, what survives, and keys under new ids."""

import struct

import numpy as np
import pytest

from analytics_platform.errors import Conflict, DamagedRecord, InvalidUsage
from streaming.windows.definition import StreamRules, WindowDefinition
from streaming.windows.engine import WindowEngine
from streaming.windows.extraction import extract
from streaming.windows.kept_state import DELTA
from streaming.windows.layout import NEVER_YET
from streaming.windows.slots import Batch, SlotSpec, SlotValues

TEN = WindowDefinition("tumbling", size_ms=10)


def at(*instants: int, partition: int = 0, key: int = 0) -> Batch:
    number = len(instants)
    return Batch(
        ts_ms=np.array(instants, np.int64),
        partition=np.full(number, partition, np.int32),
        key=np.full(number, key, np.int32),
    )


def engine_with(*instants: int, definition: WindowDefinition = TEN) -> WindowEngine:
    engine = WindowEngine(definition)
    engine.assign([0])
    engine.add(at(*instants))
    return engine


@pytest.mark.parametrize(
    "other",
    [
        WindowEngine(WindowDefinition("tumbling", size_ms=11)),
        WindowEngine(WindowDefinition("tumbling", size_ms=10, offset_ms=1)),
        WindowEngine(TEN, slots=(SlotSpec("value"),)),
        WindowEngine(TEN, StreamRules(dedup_by_id=True)),
    ],
    ids=["size", "offset", "slots", "ids"],
)
def test_a_changed_definition_never_reuses_old_state(other: WindowEngine) -> None:
    with pytest.raises(Conflict, match="another definition"):
        other.restore(0, engine_with(3).snapshot()[0])
    assert other.assigned == []


def test_rules_of_order_may_change_over_a_restart() -> None:
    engine = WindowEngine(TEN, StreamRules(out_of_orderness_ms=5))
    engine.restore(0, engine_with(3).snapshot()[0])
    assert engine.flush().counts.tolist() == [1]


@pytest.mark.parametrize("cut", [0, 3, 20, 30, -1])
def test_damaged_state_is_refused(cut: int) -> None:
    with pytest.raises(DamagedRecord):
        WindowEngine(TEN).restore(0, engine_with(3).snapshot()[0][:cut])


def test_a_delta_is_no_snapshot_and_another_version_is_refused() -> None:
    delta = engine_with(3).delta()[0]
    with pytest.raises(DamagedRecord):
        WindowEngine(TEN).restore(0, delta)
    with pytest.raises(DamagedRecord, match="version 9"):
        WindowEngine(TEN).restore(0, None, [delta[:2] + b"\x09" + delta[3:]])


def test_state_of_the_first_version_is_still_read() -> None:
    """What version 1 wrote for three events at 3 ms, and one at 12 ms of another key.

    Spans and counts were raw then.
    """
    rows = [(0, 0, 0, 0, 10), (1, 1, 1, 10, 20)]
    sections = [
        struct.pack("<4q", 1, 12, NEVER_YET, NEVER_YET),
        struct.pack("<2i", 0, 1),
        b"".join(struct.pack("<5q", *row) for row in rows),
        struct.pack("<2q", 3, 1),
        *[b""] * 8,
    ]
    fingerprint = engine_with(3).snapshot()[0][4:20]
    old = b"WS\x01\x00" + fingerprint
    old += b"".join(struct.pack("<I", len(one)) + one for one in sections)
    engine = WindowEngine(TEN)
    engine.restore(0, old)
    given = engine.flush()
    assert (given.keys.tolist(), given.counts.tolist()) == ([0, 1], [3, 1])
    assert given.starts.tolist() == [0, 10]


def test_a_delta_holds_only_what_changed() -> None:
    engine = engine_with(*range(0, 1000, 10))
    assert engine.flush().counts.size  # everything is closed
    engine = WindowEngine(TEN, StreamRules(out_of_orderness_ms=10_000))
    engine.assign([0])
    engine.add(at(*range(0, 1000, 10)))
    first = engine.delta()[0]
    engine.add(at(5))
    assert len(engine.delta()[0]) < len(first) / 5


def test_keys_may_have_other_ids_afterwards() -> None:
    engine = WindowEngine(TEN)
    engine.assign([0])
    engine.add(at(1, 2, key=3))
    other = WindowEngine(TEN)
    ids = np.array([-1, -1, -1, 8], np.int32)
    other.restore(0, engine.snapshot()[0], key_ids=ids)
    given = other.flush()
    assert (given.keys.tolist(), given.counts.tolist()) == ([8], [2])
    with pytest.raises(DamagedRecord, match="key 3"):
        WindowEngine(TEN).restore(0, engine.snapshot()[0], key_ids=ids[:2])


def test_an_assigned_partition_is_not_restored() -> None:
    engine = engine_with(3)
    with pytest.raises(InvalidUsage, match="assigned already"):
        engine.restore(0, engine.snapshot()[0])


def test_a_revoked_partition_leaves_nothing_behind() -> None:
    engine = WindowEngine(WindowDefinition("session", gap_ms=10))
    engine.assign([0, 1])
    engine.add(at(1, key=0))
    engine.add(at(1, partition=1, key=1))
    engine.revoke([0])
    assert engine.flush().keys.tolist() == [1]


@pytest.mark.parametrize(
    "definition", [TEN, WindowDefinition("session", gap_ms=10)], ids=["rows", "chains"]
)
def test_where_nothing_changed_the_delta_says_how_far_the_partition_is(
    definition: WindowDefinition,
) -> None:
    """As if it had been taken out column by column."""
    slots = (SlotSpec("a", "float", True), SlotSpec("b", "identity"))
    rules = StreamRules(out_of_orderness_ms=50, dedup_by_id=True)
    engine = WindowEngine(definition, rules, slots)
    engine.assign([0, 1])
    values = [SlotValues(np.array([1.5]), np.array([True]))] * 2
    engine.add(
        Batch(
            ts_ms=np.array([3]),
            partition=np.zeros(1, np.int32),
            key=np.zeros(1, np.int32),
            values=values,
            event_id=np.array([7]),
        )
    )
    first = engine.delta()
    state, form = engine._state, engine._form
    assert first[1] == form.encode(DELTA, extract(state, 1, changed=True))
    assert len(first[0]) > len(first[1])
    assert engine.delta()[0] == form.encode(DELTA, extract(state, 0, changed=True))
    other = WindowEngine(definition, rules, slots)
    other.restore(0, engine.snapshot([0])[0], [engine.delta()[0]])
    assert other.flush().counts.tolist() == [1]
