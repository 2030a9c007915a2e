"""Results do not depend on batches, restarts, processes or the order of fetches."""

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streaming.windows.compilation import Kernels
from streaming.windows.layout import LATE, PARTLY_LATE, RETRACTION, WINDOW
from tests.support.window_runs import (
    Line,
    batch_of,
    keyed,
    lines_of,
    new_engine,
    numbered,
    run_whole,
)
from tests.support.window_scenarios import scenarios

untimed = scenarios(timed=False)


@given(untimed, st.data())
@settings(max_examples=60, deadline=None)
def test_any_cut_into_batches_gives_the_same_lines(
    kernels: Kernels, scenario: dict[str, Any], data: st.DataObject
) -> None:
    events = numbered(scenario["events"])
    cuts = data.draw(st.sets(st.integers(0, len(events)), max_size=6))
    engine = new_engine(scenario, kernels)
    engine.assign(scenario["stream"]["partitions"])
    lines: list[Line] = []
    for begin, end in pairs(cuts, len(events)):
        lines += lines_of(engine.add(batch_of(events[begin:end])), begin)
    lines += lines_of(engine.flush())
    assert lines == run_whole(scenario, kernels)


@given(untimed, st.data())
@settings(max_examples=80, deadline=None)
def test_a_restart_at_any_event_changes_nothing(
    kernels: Kernels, scenario: dict[str, Any], data: st.DataObject
) -> None:
    events = numbered(scenario["events"])
    partitions = scenario["stream"]["partitions"]
    cuts = data.draw(st.sets(st.integers(0, len(events)), min_size=1, max_size=6))
    engine = new_engine(scenario, kernels)
    engine.assign(partitions)
    snapshots: dict[int, bytes] | None = None
    deltas: list[dict[int, bytes]] = []
    lines: list[Line] = []
    for begin, end in pairs(cuts, len(events)):
        lines += lines_of(engine.add(batch_of(events[begin:end])), begin)
        deltas.append(engine.delta())
        step = data.draw(st.sampled_from(("go on", "compact", "restart")))
        if step == "compact":
            snapshots, deltas = engine.snapshot(), []
        if step == "restart":
            engine = new_engine(scenario, kernels)
            for p in partitions:
                snapshot = snapshots[p] if snapshots else None
                engine.restore(p, snapshot, [delta[p] for delta in deltas])
    lines += lines_of(engine.flush())
    assert lines == run_whole(scenario, kernels)


@given(untimed.map(keyed), st.data())
@settings(max_examples=60, deadline=None)
def test_partitions_that_move_give_the_same_windows(
    kernels: Kernels, scenario: dict[str, Any], data: st.DataObject
) -> None:
    """Two engines; at each cut every partition goes to either, with its state."""
    events = numbered(scenario["events"])
    partitions = scenario["stream"]["partitions"]
    cuts = data.draw(st.sets(st.integers(0, len(events)), max_size=5))
    engines = [new_engine(scenario, kernels), new_engine(scenario, kernels)]
    engines[0].assign(partitions)
    log: dict[int, list[bytes]] = {p: [] for p in partitions}
    lines: list[Line] = []
    for begin, end in pairs(cuts, len(events)):
        for engine in engines:
            mine = [e for e in events[begin:end] if e["partition"] in engine.assigned]
            lines += with_numbers(lines_of(engine.add(batch_of(mine))), mine)
            for p, delta in engine.delta().items():
                log[p].append(delta)
        for p in partitions:
            home = next(engine for engine in engines if p in engine.assigned)
            new = data.draw(st.sampled_from(engines))
            if new is not home:
                home.revoke([p])
                new.restore(p, None, log[p])
    for engine in engines:
        lines += lines_of(engine.flush())
    expected = run_whole(scenario, kernels)
    assert final(lines) == final(expected)
    assert late(lines) == late(expected)


@given(untimed.map(keyed), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_fetches_in_any_order_give_the_same_windows_and_late_events(
    kernels: Kernels, scenario: dict[str, Any], chance: Any
) -> None:
    events = numbered(scenario["events"])
    queues = [
        [event for event in events if event["partition"] == p]
        for p in scenario["stream"]["partitions"]
    ]
    shuffled = []
    while any(queues):
        queue = chance.choice([queue for queue in queues if queue])
        shuffled.append(queue.pop(0))
    engine = new_engine(scenario, kernels)
    engine.assign(scenario["stream"]["partitions"])
    lines = with_numbers(lines_of(engine.add(batch_of(shuffled))), shuffled)
    lines += lines_of(engine.flush())
    expected = run_whole(scenario, kernels)
    assert final(lines) == final(expected)
    assert late(lines) == late(expected)


def pairs(cuts: set[int], length: int) -> list[tuple[int, int]]:
    ends = sorted({0, length} | cuts)
    return list(pairwise(ends))


def with_numbers(lines: list[Line], events: list[dict[str, Any]]) -> list[Line]:
    """The same lines with the events' own numbers instead of their places."""
    return [
        line
        if line[0] in (WINDOW, RETRACTION)
        else (*line[:-1], events[line[-1]]["number"])
        for line in lines
    ]


def final(lines: list[Line]) -> dict[Line, Line]:
    """The last of each window that was not retracted, without its revision."""
    held: dict[Line, Line] = {}
    for line in lines:
        if line[0] == WINDOW:
            held[line[1:4]] = (line[4], *line[6:])
        elif line[0] == RETRACTION:
            held.pop(line[1:4], None)
    return held


def late(lines: list[Line]) -> list[Line]:
    return sorted(line for line in lines if line[0] in (LATE, PARTLY_LATE))
