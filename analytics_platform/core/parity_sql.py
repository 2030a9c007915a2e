"""SQL that cuts windows out of a table's rows: the other way to what streams compute.

It runs in the warehouse and shares nothing with the window engine but the metrics'
definitions. DuckDB and PostgreSQL read the same text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from analytics_platform.contracts.streams import LiveWindow
from analytics_platform.core.event_span import EventSpan
from analytics_platform.core.exact_casts import quoted
from analytics_platform.core.expression_sql import compile_sql
from analytics_platform.core.expressions import Column
from analytics_platform.core.live_metrics import Figure, Reading

_MS = timedelta(milliseconds=1)
_GROUP = "window_key, start_ms, end_ms"


@dataclass(frozen=True)
class Rows:
    """Where the events are: a relation, its columns of key and time, and a condition.

    `days` are start and end of the calendar days there are, in milliseconds. Rows `of`
    another time are left out.
    """

    relation: str
    key: str
    time: str
    days: Sequence[tuple[int, int]] = ()
    of: EventSpan | None = None


def windows_sql(
    window: LiveWindow, rows: Rows, readings: Sequence[Reading], dialect: str
) -> str:
    """Key, start, end, number of events, one column per reading, then sizes, by window.

    A quantile is SQL's percentile_cont. For each one there is, in the order of the
    readings, the size of the values between which it lies: interpolated likewise
    between their absolute values.
    """
    values = [_value(one, dialect) for one in readings]
    kept = "".join(f", {text} as v{n}" for n, text in enumerate(values))
    steps = [
        (
            f"events as (select cast({quoted(rows.key)} as varchar) as window_key, "
            f"{instant_ms(rows.time)} as ts_ms{kept} from {rows.relation} "
            f"where {quoted(rows.time)} is not null and {quoted(rows.key)} is not null"
            f"{_within(rows)})"
        ),
        *_cut(window, rows),
        _ranked(readings),
    ]
    figures = "".join(f", {_figure(one, n)} as r{n}" for n, one in enumerate(readings))
    figures += "".join(
        f", {_size(one.rank or 0, n)} as s{n}"
        for n, one in enumerate(readings)
        if one.figure is Figure.QUANTILE
    )
    return (
        f"with {', '.join(steps)} select {_GROUP}, count(*) as events{figures} "
        f"from ranked group by {_GROUP} order by start_ms, end_ms, window_key"
    )


def _within(rows: Rows) -> str:
    if rows.of is None:
        return ""
    first, last = rows.of
    return f" and {instant_ms(rows.time)} between {first} and {last}"


def instant_ms(column: str) -> str:
    """An instant as whole milliseconds since 1970; microseconds are cut off."""
    seconds = f"extract(epoch from {quoted(column)})"
    return f"cast(floor(round({seconds} * 1000000) / 1000) as bigint)"


def _cut(window: LiveWindow, rows: Rows) -> list[str]:
    """Common table expressions, the last one `windowed`: an event in each window."""
    spec = window.window
    if spec.type == "session":
        return _sessions((spec.gap or _MS) // _MS)
    if spec.type == "calendar_day":
        days = ", ".join(f"({start}, {end})" for start, end in rows.days)
        return [
            f"days (start_ms, end_ms) as (values {days or '(0, 0)'})",
            (
                "windowed as (select events.*, days.start_ms, days.end_ms from events "
                "join days on ts_ms >= days.start_ms and ts_ms < days.end_ms)"
            ),
        ]
    size = (spec.size or _MS) // _MS
    slide = (spec.slide or spec.size or _MS) // _MS
    return _aligned(size, slide, spec.offset // _MS)


def _aligned(size: int, slide: int, offset: int) -> list[str]:
    """Windows that start at each multiple of the slide: tumbling ones, or hopping."""
    last = (
        f"cast(floor(cast(ts_ms - {offset} as double precision) / {slide}) as bigint)"
        f" * {slide} + {offset}"
    )
    hops = -(-size // slide) - 1
    return [
        (
            f"placed as (select events.*, {last} - hop * {slide} as start_ms "
            f"from events cross join generate_series(0, {hops}) as hops (hop))"
        ),
        (
            f"windowed as (select placed.*, start_ms + {size} as end_ms from placed "
            f"where start_ms + {size} > ts_ms)"
        ),
    ]


def _sessions(gap: int) -> list[str]:
    """Islands of events that are no farther apart than the gap."""
    over = "over (partition by window_key order by ts_ms)"
    so_far = "range between unbounded preceding and current row"
    return [
        (
            f"gaps as (select events.*, case when ts_ms - lag(ts_ms) {over} <= {gap} "
            "then 0 else 1 end as begins from events)"
        ),
        (
            "islands as (select gaps.*, sum(begins) over (partition by window_key "
            f"order by ts_ms {so_far}) as island from gaps)"
        ),
        (
            "windowed as (select islands.*, "
            "min(ts_ms) over (partition by window_key, island) as start_ms, "
            f"max(ts_ms) over (partition by window_key, island) + {gap} as end_ms "
            "from islands)"
        ),
    ]


def _ranked(readings: Sequence[Reading]) -> str:
    """The events of each window, ranked by each value whose quantiles are wanted."""
    ranks = "".join(
        f", row_number() over (partition by {_GROUP} order by v{n} nulls last) as k{n}"
        f", count(v{n}) over (partition by {_GROUP}) as n{n}"
        for n, one in enumerate(readings)
        if one.figure is Figure.QUANTILE
    )
    return f"ranked as (select windowed.*{ranks} from windowed)"


def _value(reading: Reading, dialect: str) -> str:
    """What a row contributes, null where it does not; whole numbers stay whole."""
    slot = reading.slot
    if slot.value is None:
        value = "1"
    elif isinstance(slot.value.root, Column):
        value = quoted(slot.value.root.name)
    else:
        value = compile_sql(slot.value, dialect)
    if not slot.where:
        return value
    holds = " and ".join(f"({compile_sql(one, dialect)})" for one in slot.where)
    return f"case when {holds} then {value} end"


def _figure(reading: Reading, n: int) -> str:
    match reading.figure:
        case Figure.COUNT:
            return f"count(v{n})"
        case Figure.DISTINCT:
            return f"count(distinct v{n})"
        case Figure.MEAN:
            return f"avg(cast(v{n} as double precision))"
        case Figure.QUANTILE:
            return f"percentile_cont({reading.rank}) within group (order by v{n})"
    return f"{reading.figure}(v{n})"


def _size(rank: float, n: int) -> str:
    """The sizes of the two values around a quantile, as it is interpolated."""
    at = f"{round(100 * rank)} * (n{n} - 1)"
    place, share = f"floor({at} / 100.0) + 1", f"mod({at}, 100) / 100.0"
    return (
        f"sum(case when k{n} = {place} then abs(v{n}) * (1 - {share}) "
        f"when k{n} = {place} + 1 then abs(v{n}) * {share} end)"
    )
