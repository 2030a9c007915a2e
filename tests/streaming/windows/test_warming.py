"""Warmed kernels compile nothing when events come, whatever the window is."""

from dataclasses import fields
from typing import Any

import pytest

from streaming.windows.compilation import Kernels
from streaming.windows.definition import StreamRules, WindowDefinition
from streaming.windows.engine import WindowEngine
from tests.streaming.windows.test_compilation import (
    DEFINITIONS,
    SLOTS,
    random_batch,
    run,
)


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda one: one.type)
def test_no_kernel_is_compiled_for_events(
    definition: WindowDefinition, machine: Kernels
) -> None:
    before = signatures(machine)
    run(definition, machine, keys=300, events=4000)
    live_through_a_restart(definition, machine)
    assert signatures(machine) == before


def signatures(kernels: Kernels) -> dict[str, int]:
    """How many forms of each kernel there are."""
    found: dict[str, Any] = {
        one.name: getattr(kernels, one.name) for one in fields(kernels)
    }
    return {name: len(kernel.signatures) for name, kernel in found.items()}


def live_through_a_restart(definition: WindowDefinition, kernels: Kernels) -> None:
    """What a sidecar does with an engine besides adding events."""
    rules = StreamRules(out_of_orderness_ms=100, idle_timeout_ms=50)
    engine = WindowEngine(definition, rules, SLOTS, kernels=kernels)
    engine.assign(range(3))
    batch = random_batch(definition, keys=300, events=4000)
    engine.add(batch.part(0, 2000), now_ms=1_000)
    deltas = engine.delta()
    bodies = engine.snapshot()
    again = WindowEngine(definition, rules, SLOTS, kernels=kernels)
    for partition, body in bodies.items():
        again.restore(partition, body, [deltas[partition]])
    again.resume(2_000, [0])
    again.tick(2_060)
    again.add(batch.part(2000, 4000), now_ms=2_100)
    again.flush()
    again.revoke([0, 1])
    assert bodies.keys() == {0, 1, 2}
