"""Makes kernels ready before events come: each is compiled when first called."""

import numpy as np

from streaming.definitions import CompiledWindow
from streaming.window_stage import WindowStage
from streaming.windows.compilation import Kernels
from streaming.windows.engine import WindowEngine
from streaming.windows.slots import Batch, SlotSpec, SlotValues

_EVENTS = 4
_APART_MS = 60_000


def warmed_stage(window: CompiledWindow, kernels: Kernels) -> WindowStage:
    """The stage of a live window, whose kernels have run on some made-up events."""
    stage = WindowStage(window, kernels)
    spare = WindowStage(window, kernels).engine
    _exercise(spare)
    body = spare.snapshot()
    again = WindowStage(window, kernels).engine
    again.restore(0, body[0], [])
    again.revoke([0])
    return stage


def _exercise(engine: WindowEngine) -> None:
    engine.assign([0, 1])
    step = engine.definition.step_ms or _APART_MS
    for turn in range(2):
        engine.add(_batch(engine.slots, turn * 100 * step, step), now_ms=0)
        engine.delta()
    engine.tick(1)
    engine.flush()
    engine.revoke([1])


def _batch(slots: tuple[SlotSpec, ...], first_ms: int, step_ms: int) -> Batch:
    places = np.arange(_EVENTS)
    return Batch(
        ts_ms=first_ms + places * step_ms,
        partition=(places % 2).astype(np.int32),
        key=(places % 2).astype(np.int32),
        values=[_values(slot) for slot in slots],
        event_id=places + first_ms,
    )


def _values(slot: SlotSpec) -> SlotValues:
    valid = np.ones(_EVENTS, np.bool_)
    if slot.kind == "float":
        return SlotValues(np.ones(_EVENTS), valid)
    return SlotValues(np.ones(_EVENTS, np.int64), valid)
