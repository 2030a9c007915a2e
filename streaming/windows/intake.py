"""Batches in the form in which the kernels take them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics_platform.errors import InvalidUsage
from streaming.windows.days import CalendarDays
from streaming.windows.definition import StreamRules
from streaming.windows.layout import (
    DAY,
    DAY_END,
    DAY_START,
    EVENT_KEY,
    ID,
    PARTITION,
    TS,
    WHOLES,
    Events,
)
from streaming.windows.slots import Batch, SlotKind, SlotSpec, SlotValues


def to_events(
    batch: Batch,
    slots: Sequence[SlotSpec],
    days: CalendarDays | None,
    rules: StreamRules,
) -> Events:
    """The batch's columns, one row per slot, contiguous.

    Raises:
        InvalidUsage: columns are missing, too many or of different lengths.
    """
    _check(batch, slots, rules)
    whole = _of_kind(batch, slots, "integer")
    identity = _of_kind(batch, slots, "identity")
    longs = np.zeros((WHOLES + len(whole) + len(identity), len(batch)), np.int64)
    longs[TS] = batch.ts_ms
    longs[PARTITION] = batch.partition
    longs[EVENT_KEY] = batch.key
    if rules.dedup_by_id and batch.event_id is not None:
        longs[ID] = batch.event_id
    if days:
        longs[DAY], longs[DAY_START], longs[DAY_END] = days.find(batch.ts_ms)
    for row, column in zip(longs[WHOLES:], [*whole, *identity], strict=True):
        row[:] = column.values
    first = WHOLES + len(whole)
    longs[first:] = mixed(longs[first:])
    return Events(
        longs=longs,
        real=_reals(_of_kind(batch, slots, "float"), len(batch)),
        valid=_valid([*whole, *identity], len(batch)),
    )


def mixed(identities: NDArray[np.int64]) -> NDArray[np.int64]:
    """Integers spread over all 64 bits, one to one.

    The finalizer of splitmix64: G. Steele, D. Lea, C. Flood, Fast splittable
    pseudorandom number generators (OOPSLA 2014).
    """
    bits = identities.view(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (bits ^ (bits >> np.uint64(31))).view(np.int64)


def _check(batch: Batch, slots: Sequence[SlotSpec], rules: StreamRules) -> None:
    if not len(batch):
        return
    if len(batch.values) != len(slots):
        raise InvalidUsage(
            f"A batch has values for {len(batch.values)} slots instead of "
            f"{len(slots)}.",
            hint="Give one column of values for each slot.",
        )
    columns: list[NDArray[Any]] = [batch.partition, batch.key]
    columns += [one.values for one in batch.values]
    columns += [one.valid for one in batch.values if one.valid is not None]
    columns += [] if batch.event_id is None else [batch.event_id]
    if any(column.size != len(batch) for column in columns):
        raise InvalidUsage(
            f"A batch of {len(batch)} events has columns of another length.",
            hint="Give one value for each event.",
        )
    if rules.dedup_by_id and batch.event_id is None:
        raise InvalidUsage(
            "Duplicates are to be dropped, but the batch has no ids.",
            hint="Give each event's id.",
        )


def _of_kind(
    batch: Batch, slots: Sequence[SlotSpec], kind: SlotKind
) -> list[SlotValues]:
    return [
        values
        for slot, values in zip(slots, batch.values, strict=bool(len(batch)))
        if slot.kind == kind
    ]


def _reals(columns: Sequence[SlotValues], length: int) -> NDArray[np.float64]:
    rows = np.empty((len(columns), length), np.float64)
    for row, column in zip(rows, columns, strict=True):
        row[:] = column.values
        if column.valid is not None:
            row[~column.valid] = np.nan
    return rows


def _valid(columns: Sequence[SlotValues], length: int) -> NDArray[np.int8]:
    rows = np.ones((len(columns), length), np.int8)
    for row, column in zip(rows, columns, strict=True):
        if column.valid is not None:
            row[:] = column.valid
    return rows
