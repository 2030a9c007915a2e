"""Random scenarios: small numbers, so that everything meets everything."""

from typing import Any

from hypothesis import strategies as st

Scenario = dict[str, Any]

_ZONES = ("UTC", "America/New_York", "Europe/Berlin", "Asia/Beirut", "Pacific/Apia")
_HOUR = 3_600_000
# Around changes of the clocks: New York, Beirut at midnight, Apia's missing day.
_CHANGES = (1_362_898_800_000, 1_364_680_800_000, 1_325_239_200_000, 0)


def lateness() -> st.SearchStrategy[int]:
    return st.sampled_from((0, 0, 3, 10, 25))


@st.composite
def windows(draw: st.DrawFn) -> dict[str, Any]:
    """A definition that makes sense."""
    kind = draw(st.sampled_from(("tumbling", "hopping", "session")))
    late = draw(lateness())
    if kind == "session":
        return {"type": kind, "gap_ms": draw(st.integers(1, 15))} | _late(late)
    size = draw(st.integers(1, 30))
    window = {"type": kind, "size_ms": size} | _late(late)
    step = size
    if kind == "hopping":
        step = draw(st.integers(1, size))
        window["slide_ms"] = step
    return window | {"offset_ms": draw(st.integers(1 - step, step - 1))}


@st.composite
def scenarios(draw: st.DrawFn, *, timed: bool = True) -> Scenario:
    """A definition and events; with `timed` also processing time and its rules."""
    partitions = draw(st.integers(1, 3))
    stream: dict[str, Any] = {
        "out_of_orderness_ms": draw(st.sampled_from((0, 2, 10, 40))),
        "partitions": list(range(partitions)),
        "dedup_by_id": draw(st.booleans()),
    }
    if timed:
        stream["idle_timeout_ms"] = draw(st.sampled_from((None, 1, 20, 60)))
        stream["max_future_drift_ms"] = draw(st.sampled_from((None, 0, 30)))
    events = draw(st.lists(items(partitions, timed=timed), max_size=40))
    return {
        "window": draw(windows()),
        "stream": stream,
        "flush_at_end": draw(st.booleans()),
        "events": in_time(events) if timed else events,
    }


@st.composite
def days(draw: st.DrawFn) -> Scenario:
    """Calendar days around changes of the clocks."""
    around = draw(st.sampled_from(_CHANGES))
    late = draw(st.sampled_from((0, 5 * _HOUR)))
    hours = st.integers(-60 * 4, 60 * 4).map(lambda n: around + n * _HOUR // 4)
    return {
        "window": {"type": "calendar_day", "timezone": draw(st.sampled_from(_ZONES))}
        | _late(late),
        "stream": {"out_of_orderness_ms": draw(st.sampled_from((0, 3 * _HOUR)))},
        "flush_at_end": True,
        "events": [
            {"key": key, "ts_ms": ts, "value": 1}
            for key, ts in draw(
                st.lists(st.tuples(st.sampled_from("ab"), hours), max_size=12)
            )
        ],
    }


def items(partitions: int, *, timed: bool) -> st.SearchStrategy[dict[str, Any]]:
    # Quarters add without rounding, so that sums are equal in any order.
    values = st.none() | st.integers(-9, 9) | st.integers(-9, 9).map(lambda n: n / 4)
    event = st.fixed_dictionaries(
        {
            "key": st.sampled_from("abc"),
            "ts_ms": st.integers(-40, 120),
            "partition": st.integers(0, partitions - 1),
            "id": st.none() | st.integers(0, 12),
            "value": values,
        },
        optional={"proc_ms": st.integers(0, 25)} if timed else {},
    )
    if not timed:
        return event
    tick = st.fixed_dictionaries({"tick": st.just(True), "proc_ms": st.integers(0, 25)})
    return st.one_of(event, event, event, tick)


def in_time(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same with processing times that add up: each says how long it took."""
    now = 0
    for item in events:
        if "proc_ms" in item:
            now += item["proc_ms"]
            item["proc_ms"] = now
    return events


def _late(lateness_ms: int) -> dict[str, Any]:
    return {"allowed_lateness_ms": lateness_ms} if lateness_ms else {}
