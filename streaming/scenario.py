"""A scenario of `analytics simulate`: a window, a stream's rules, recorded events."""

from typing import Any

import msgspec

from analytics_platform.errors import InvalidUsage
from streaming.windows.definition import StreamRules, WindowDefinition

_INT64 = range(-(2**63), 2**63)
_LATEST = range(-(2**60), 2**60 + 1)  # an instant that sums can be formed with


class _Window(msgspec.Struct, forbid_unknown_fields=True):
    type: str
    size_ms: int | None = None
    slide_ms: int | None = None
    gap_ms: int | None = None
    offset_ms: int | None = None
    allowed_lateness_ms: int | None = None
    timezone: str | None = None


class _Stream(msgspec.Struct, forbid_unknown_fields=True):
    out_of_orderness_ms: int | None = None
    partitions: list[int] | None = None
    idle_timeout_ms: int | None = None
    dedup_by_id: bool | None = None
    max_future_drift_ms: int | None = None


class Item(msgspec.Struct, forbid_unknown_fields=True):
    """One event, or with `tick` only the time passing until `proc_ms`."""

    key: str | int | None = None
    ts_ms: int | None = None
    value: int | float | None = None
    partition: int | None = None
    offset: int | None = None
    id: str | int | None = None
    proc_ms: int | None = None
    tick: bool = False


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    window: _Window
    stream: _Stream | None = None
    flush_at_end: bool = False
    events: list[Item] = []


class Scenario(msgspec.Struct, frozen=True):
    """What is simulated; partitions rise, and every event's is one of them."""

    window: WindowDefinition
    rules: StreamRules
    partitions: list[int]
    flush_at_end: bool
    items: list[Item]


def parse_scenario(body: bytes) -> Scenario:
    """Read a scenario from JSON.

    Raises:
        InvalidUsage: it is no scenario, or its window or rules make no sense.
    """
    try:
        document = msgspec.json.decode(body, type=_Document)
    except msgspec.DecodeError as error:  # a ValidationError is one too
        raise _invalid(str(error)) from error
    for number, item in enumerate(document.events):
        if problem := _problem(item):
            raise _invalid(f"{problem} - at `$.events[{number}]`")
    stream = document.stream or _Stream()
    return Scenario(
        window=WindowDefinition(**_given(document.window)),
        rules=_rules(stream),
        partitions=_partitions(stream, document.events),
        flush_at_end=document.flush_at_end,
        items=document.events,
    )


def _problem(item: Item) -> str | None:
    if item.tick:
        return "A tick needs `proc_ms`" if item.proc_ms is None else _far(item)
    if item.ts_ms is None:
        return "An event needs `ts_ms`"
    if isinstance(item.value, int) and item.value not in _INT64:
        return "A whole `value` must fit in 64 bits"
    if item.partition is not None and item.partition < 0:
        return "A `partition` must not be negative"
    return _far(item)


def _far(item: Item) -> str | None:
    for name in ("ts_ms", "proc_ms"):
        value = getattr(item, name)
        if value is not None and value not in _LATEST:
            return f"`{name}` must lie within 2^60 ms of 1970"
    return None


def _rules(stream: _Stream) -> StreamRules:
    given = _given(stream)
    given.pop("partitions", None)
    return StreamRules(**given)


def _partitions(stream: _Stream, items: list[Item]) -> list[int]:
    used = {item.partition or 0 for item in items if not item.tick}
    if stream.partitions is None:
        return sorted(used or {0})
    if not stream.partitions or min(stream.partitions) < 0:
        raise _invalid("There must be partitions, none of them negative")
    if unknown := sorted(used - set(stream.partitions)):
        raise _invalid(
            f"An event has partition {unknown[0]}, which is not in `stream.partitions`"
        )
    return sorted(set(stream.partitions))


def _given(struct: msgspec.Struct) -> dict[str, Any]:
    """The fields that were given and are not null."""
    return {
        name: value
        for name, value in msgspec.structs.asdict(struct).items()
        if value is not None
    }


def _invalid(problem: str) -> InvalidUsage:
    return InvalidUsage(f"The scenario cannot be read: {problem}.", hint="")
