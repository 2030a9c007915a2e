"""The platform's clock: wall, standing still, or replaying."""

from datetime import UTC, datetime, timedelta

import pytest

from analytics_platform.clock import (
    FixedClock,
    ReplayClock,
    ReplaySpec,
    WallClock,
    parse_clock,
)
from analytics_platform.errors import InvalidUsage

START = datetime(2013, 11, 1, 4, tzinfo=UTC)
ANCHOR = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_replay_at_600_passes_ten_minutes_in_a_second() -> None:
    clock = ReplayClock(START, 600, ANCHOR)
    assert clock.at(ANCHOR + timedelta(seconds=1)) == START + timedelta(minutes=10)


def test_a_replay_does_not_run_before_its_anchor() -> None:
    clock = ReplayClock(START, 600, ANCHOR)
    assert clock.at(ANCHOR - timedelta(days=1)) == START


def test_the_wall_clock_is_aware_and_current() -> None:
    now = WallClock().now()
    assert now.utcoffset() == timedelta(0)
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_replay_moves_with_the_wall() -> None:
    clock = ReplayClock(START, 1, datetime.now(UTC) - timedelta(hours=1))
    assert timedelta(minutes=59) < clock.now() - START < timedelta(minutes=61)


def test_a_fixed_clock_stands_still() -> None:
    assert FixedClock(START).now() == START


def test_a_replay_is_read_and_a_naive_start_is_utc() -> None:
    assert parse_clock("replay:2013-11-01@600") == ReplaySpec(
        datetime(2013, 11, 1, tzinfo=UTC), 600
    )
    spec = parse_clock("replay:2013-11-01T00:00:00-04:00@1.5")
    assert spec is not None
    assert spec.start == START


def test_what_is_written_reads_back() -> None:
    spec = ReplaySpec(START, 600)
    assert parse_clock(str(spec)) == spec


def test_wall_is_no_replay() -> None:
    assert parse_clock("wall") is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "now", "replay:", "replay:2013-11-01", "replay:2013-11-01@"),
        *("replay:2013-11-01@0", "replay:2013-11-01@-1", "replay:2013-11-01@inf"),
        *("replay:2013-11-01@nan", "replay:soon@600", "record:2013-11-01@600"),
    ],
)
def test_what_cannot_be_read_says_how_to_write_it(text: str) -> None:
    with pytest.raises(InvalidUsage, match="replay:2013-11-01@600"):
        parse_clock(text)
