"""Which time can be compared, and which should be, worked out by hand."""

from dataclasses import replace
from datetime import timedelta

import pytest

from analytics_platform.contracts.streams import LiveWindow, StreamOrder, WindowSpec
from analytics_platform.core.event_span import EventSpan
from analytics_platform.core.parity_span import (
    Known,
    Terms,
    comparable,
    first_compared_at,
    promised,
)
from tests.domains.toy.streams import RIDES

HOUR = timedelta(hours=1)
HOUR_MS = 3_600_000
# Rows and messages settle within 10, windows of 5 close within 3.
TERMS = Terms(settles=10, closes=3, reach=5)
#   loaded    |100 ----------------------------- 200|
#   mart  |50 ---------------------------------195|
KNOWN = Known(
    loaded=EventSpan(100, 200),
    streamed=EventSpan(100, 200),
    mart=EventSpan(50, 195),
    emitted_ms=150,
    owed_ms=190,
)


def test_what_settles_is_left_out_at_both_ends() -> None:
    assert comparable(KNOWN, TERMS) == EventSpan(110, 185)
    later = replace(KNOWN, mart=EventSpan(120, 400))
    assert comparable(later, TERMS) == EventSpan(130, 190)


def test_windows_that_close_late_are_left_out_longer() -> None:
    assert comparable(KNOWN, replace(TERMS, closes=30)) == EventSpan(110, 165)


def test_windows_that_may_still_be_open_are_left_out() -> None:
    assert comparable(replace(KNOWN, owed_ms=None), TERMS) == EventSpan(110, 150)
    assert comparable(replace(KNOWN, owed_ms=140), TERMS) == EventSpan(110, 150)
    assert comparable(replace(KNOWN, owed_ms=None, emitted_ms=None), TERMS) is None


@pytest.mark.parametrize(
    "lacking", [{"streamed": None}, {"mart": None}, {"mart": EventSpan(50, 115)}]
)
def test_a_side_that_knows_nothing_leaves_nothing(
    lacking: dict[str, EventSpan | None],
) -> None:
    known = Known(**{**vars(KNOWN), **lacking})
    assert comparable(known, TERMS) is None
    # ... and that is a failure: events from 115 to 175 should be compared.
    assert promised(known, TERMS) == EventSpan(115, 175)


def test_nothing_is_promised_before_events_have_settled_twice() -> None:
    # first event 100, +10, window 5 around the event on both sides, -10, -10: 141
    assert first_compared_at(KNOWN, TERMS) == 140
    for last, found in ((140, None), (141, EventSpan(115, 116))):
        known = replace(KNOWN, loaded=EventSpan(100, last), owed_ms=1000)
        assert promised(known, TERMS) == found


def test_windows_that_are_held_open_are_not_promised() -> None:
    assert promised(replace(KNOWN, owed_ms=None), TERMS) is None
    assert promised(replace(KNOWN, owed_ms=150), TERMS) == EventSpan(115, 145)


def test_no_event_promises_nothing() -> None:
    assert promised(Known(), TERMS) is None
    assert first_compared_at(Known(), TERMS) is None


@pytest.mark.parametrize(
    ("spec", "reach"),
    [
        (WindowSpec(type="hopping", size=2 * HOUR, slide=HOUR), 2 * HOUR_MS),
        (WindowSpec(type="calendar_day", timezone="Africa/Cairo"), 25 * HOUR_MS),
        (WindowSpec(type="session", gap=HOUR), 0),
    ],
)
def test_terms_are_those_of_the_declarations(spec: WindowSpec, reach: int) -> None:
    window = LiveWindow(
        name="w",
        description="",
        owner="team:bikes",
        stream=RIDES.name,
        kind="returned",
        key="station_code",
        metrics=("returned_rentals",),
        window=spec,
        order=StreamOrder(out_of_orderness=HOUR, idle_timeout=2 * HOUR),
        event_time="returned_at_utc",
    )
    stream = RIDES.model_copy(update={"settles_after": 2 * HOUR})
    assert Terms.of(stream, window) == Terms(2 * HOUR_MS, 3 * HOUR_MS, reach)
    assert Terms.of(stream, window).late == 3 * HOUR_MS
