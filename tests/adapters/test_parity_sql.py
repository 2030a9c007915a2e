"""Windows cut by SQL against windows cut by hand, on both warehouses."""

import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from pydantic import SecretStr

from analytics_platform.adapters.warehouse import Session, open_warehouse
from analytics_platform.contracts.streams import WindowSpec
from analytics_platform.core.event_span import EventSpan
from analytics_platform.core.live_metrics import Reading
from analytics_platform.core.parity_sql import Rows, windows_sql
from analytics_platform.core.semantic_manifest import live_metric
from analytics_platform.core.window_spans import calendar_days
from analytics_platform.settings import Settings, WarehouseSettings
from tests.support.live_runs import METRICS, SHAPES, live_window, semantics

Event = tuple[str, int, int | None]  # key, instant, minutes
Cut = Callable[[list[Event]], dict[tuple[str, int, int], list[int | None]]]
HOUR = 3_600_000
FIRST = int(datetime(2010, 9, 8, tzinfo=UTC).timestamp() * 1000)
DAYS = EventSpan(FIRST, FIRST + 4 * 24 * HOUR)


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.system)])
def warehouse(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[Session, str]]:
    """A session of an empty warehouse, and its dialect."""
    settings = Settings(home=tmp_path)
    if request.param == "postgres":
        url = SecretStr(request.getfixturevalue("postgres_database"))
        chosen = WarehouseSettings(kind="postgres", url=url)
        settings = Settings(home=tmp_path, warehouse=chosen)
    opened = open_warehouse(settings)
    with opened.exclusive(), opened.session() as session:
        yield session, opened.dialect


def events(count: int = 400) -> list[Event]:
    chance = random.Random(7)  # noqa: S311 - test data
    span = DAYS.last_ms - DAYS.first_ms
    return [
        (
            chance.choice("ab"),
            DAYS.first_ms + chance.randrange(span) // 60_000 * 60_000,
            None if chance.random() < 0.1 else chance.randrange(1, 90),
        )
        for _ in range(count)
    ]


def aligned(size: int, slide: int, offset: int) -> Cut:
    def cut(
        some: list[Event],
    ) -> dict[tuple[str, int, int], list[int | None]]:
        found: dict[tuple[str, int, int], list[int | None]] = {}
        for key, at, minutes in some:
            start = (at - offset) // slide * slide + offset
            while start + size > at:
                found.setdefault((key, start, start + size), []).append(minutes)
                start -= slide
        return found

    return cut


def sessions(some: list[Event]) -> dict[tuple[str, int, int], list[int | None]]:
    gap, found = 20 * 60_000, dict[tuple[str, int, int], list[int | None]]()
    for key in sorted({one[0] for one in some}):
        begin = end = None
        held: list[int | None] = []
        for _, at, minutes in sorted(
            (o for o in some if o[0] == key), key=lambda o: o[1]
        ):
            if begin is None or end is None or at > end:
                if begin is not None and end is not None:
                    found[key, begin, end] = held
                begin, held = at, []
            held.append(minutes)
            end = at + gap
        if begin is not None and end is not None:
            found[key, begin, end] = held
    return found


def days(some: list[Event]) -> dict[tuple[str, int, int], list[int | None]]:
    zone, found = (
        ZoneInfo("Africa/Cairo"),
        dict[tuple[str, int, int], list[int | None]](),
    )
    bounds = list(calendar_days("Africa/Cairo", DAYS))
    for key, at, minutes in some:
        local = (
            datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)
        ).astimezone(zone)
        for start, end in bounds:
            first = datetime.fromtimestamp(start / 1000, zone)
            if first.date() == local.date():
                found.setdefault((key, start, end), []).append(minutes)
    return found


CUTS: dict[str, Cut] = {
    "tumbling": aligned(HOUR, HOUR, 7 * 60_000),
    "hopping": aligned(HOUR, 25 * 60_000, 0),
    "session": sessions,
    "calendar_day": days,
}


def figures(values: list[int | None]) -> dict[str, float | None]:
    known = sorted(one for one in values if one is not None)
    some = bool(known)
    return {
        "returned_rentals": len(known),
        "mean_duration_minutes": sum(known) / len(known) if some else None,
        "longest": known[-1] if some else None,
        "shortest": known[0] if some else None,
        "total_minutes": sum(known) if some else None,
        "kinds_of_length": len(set(known)),
        "p90": np.percentile(known, 90) if some else None,
    }


@pytest.mark.parametrize("shape", SHAPES)
def test_sql_cuts_the_windows_that_were_cut_by_hand(
    warehouse: tuple[Session, str], shape: str
) -> None:
    session, dialect = warehouse
    some = events()
    session.execute(
        "create table rides (place text, came_at timestamp, duration_minutes bigint)"
    )
    for key, at, minutes in some:
        session.execute(
            "insert into rides values (:key, :at, :minutes)",
            {
                "key": key,
                "at": datetime.fromtimestamp(at / 1000, UTC).replace(tzinfo=None),
                "minutes": minutes,
            },
        )
    metrics = [live_metric(semantics(), name) for name in METRICS]
    simple = [one for one in metrics if isinstance(one.formula, Reading)]
    readings = [one.formula for one in simple if isinstance(one.formula, Reading)]
    rows = Rows("rides", "place", "came_at", list(calendar_days("Africa/Cairo", DAYS)))
    found = session.rows(windows_sql(live_window(shape), rows, readings, dialect))
    expected = CUTS[shape](some)
    assert {(key, start, end) for key, start, end, *_ in found} == set(expected)
    for place, start, end, count, *values, size in found:
        held = expected[str(place), int(str(start)), int(str(end))]
        assert count == len(held)
        known = figures(held)
        shown = {
            one.name: None if value is None else float(str(value))
            for one, value in zip(simple, values, strict=True)
        }
        assert shown == {name: pytest.approx(known[name]) for name in shown}
        # Minutes are positive, so that the size of a quantile is itself.
        assert (size is None) is (known["p90"] is None)
        assert size is None or float(str(size)) == pytest.approx(known["p90"])


def test_the_size_of_a_quantile_is_that_of_the_values_around_it(
    warehouse: tuple[Session, str],
) -> None:
    session, dialect = warehouse
    session.execute(
        "create table rides (place text, came_at timestamp, duration_minutes bigint)"
    )
    for minutes in ("-2", "3", "null"):
        session.execute(f"insert into rides values ('a', '2010-09-08', {minutes})")
    p90 = live_metric(semantics(), "p90").formula
    assert isinstance(p90, Reading)
    rows = Rows("rides", "place", "came_at")
    sql = windows_sql(live_window("tumbling"), rows, [p90], dialect)
    [(_, _, _, count, value, size)] = session.rows(sql)
    assert count == 3
    assert float(str(value)) == pytest.approx(-2 + 5 * 0.9)
    assert float(str(size)) == pytest.approx(2 * 0.1 + 3 * 0.9)


def test_instants_before_1970_belong_to_the_window_they_are_in(
    warehouse: tuple[Session, str],
) -> None:
    session, dialect = warehouse
    session.execute("create table rides (place text, came_at timestamp)")
    session.execute(
        "insert into rides values ('a', timestamp '1969-12-31 23:59:59.999')"
    )
    window = live_window(
        "tumbling", window=WindowSpec(type="tumbling", size=timedelta(hours=1))
    )
    rows = Rows("rides", "place", "came_at")
    found = session.rows(windows_sql(window, rows, [], dialect))
    assert json.loads(json.dumps(found)) == [["a", -HOUR, 0, 1]]
