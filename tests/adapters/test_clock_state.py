"""The clock of a home, shared by every process."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from analytics_platform.adapters.clock_state import (
    HomeClock,
    ReplayState,
    open_clock,
    pause_replay,
    read_state,
    resume_replay,
    start_replay,
)
from analytics_platform.clock import FixedClock, ReplaySpec, WallClock
from analytics_platform.errors import DamagedRecord, InvalidUsage
from analytics_platform.settings import Settings

WALL = datetime(2026, 1, 1, tzinfo=UTC)
START = datetime(2013, 11, 1, tzinfo=UTC)
SPEC = ReplaySpec(START, 600)


def settings(home: Path, clock: str | None = None) -> Settings:
    return Settings(home=home, clock=clock)


def ago(**since: float) -> datetime:
    return datetime.now(UTC) - timedelta(**since)


def test_without_setting_and_replay_it_is_the_walls(tmp_path: Path) -> None:
    assert abs(open_clock(settings(tmp_path)).now() - WallClock().now()) < timedelta(
        seconds=5
    )


def test_the_wall_is_the_wall_though_a_replay_runs(tmp_path: Path) -> None:
    start_replay(tmp_path, SPEC, WALL)
    assert isinstance(open_clock(settings(tmp_path, "wall")), WallClock)


def test_a_replay_stands_at_its_start_until_started(tmp_path: Path) -> None:
    clock = open_clock(settings(tmp_path, "replay:2013-11-01@600"))
    assert clock.now() == clock.now() == START
    start_replay(tmp_path, SPEC, ago(seconds=10))
    assert clock.now() >= START + timedelta(seconds=6000)


def test_without_setting_it_is_the_replay_of_the_home(tmp_path: Path) -> None:
    start_replay(tmp_path, SPEC, ago(seconds=10))
    passed = open_clock(settings(tmp_path)).now() - START
    assert timedelta(seconds=6000) <= passed < timedelta(seconds=12_000)


def test_a_pause_keeps_the_position_for_as_long_as_it_lasts(tmp_path: Path) -> None:
    start_replay(tmp_path, SPEC, WALL)
    paused = pause_replay(tmp_path, WALL + timedelta(seconds=10))
    assert paused.position == START + timedelta(seconds=6000)
    clock = open_clock(settings(tmp_path))
    assert clock.now() == paused.position
    assert pause_replay(tmp_path, WALL + timedelta(days=1)) == paused


def test_after_a_pause_time_goes_on_from_where_it_was(tmp_path: Path) -> None:
    start_replay(tmp_path, SPEC, WALL)
    pause_replay(tmp_path, WALL + timedelta(seconds=10))
    resumed = resume_replay(tmp_path, WALL + timedelta(hours=5))
    assert resumed.position_at(WALL + timedelta(hours=5, seconds=1)) == (
        START + timedelta(seconds=6600)
    )


def test_a_change_of_speed_does_not_move_the_hands(tmp_path: Path) -> None:
    start_replay(tmp_path, SPEC, WALL)
    changed = resume_replay(tmp_path, WALL + timedelta(seconds=10), speed=1)
    at_change = START + timedelta(seconds=6000)
    assert changed.position_at(WALL + timedelta(seconds=10)) == at_change
    later = WALL + timedelta(seconds=15)
    assert changed.position_at(later) == at_change + timedelta(seconds=5)


@pytest.mark.parametrize("speed", [0, -1, float("inf"), float("nan")])
def test_a_speed_that_is_not_positive_is_refused(tmp_path: Path, speed: float) -> None:
    start_replay(tmp_path, SPEC, WALL)
    with pytest.raises(InvalidUsage, match="not positive"):
        resume_replay(tmp_path, WALL, speed)


@pytest.mark.parametrize("change", [pause_replay, resume_replay])
def test_only_a_started_replay_can_be_changed(
    tmp_path: Path, change: Callable[[Path, datetime], ReplayState]
) -> None:
    with pytest.raises(InvalidUsage, match="analytics up"):
        change(tmp_path, WALL)


def test_an_open_clock_follows_every_change(tmp_path: Path) -> None:
    clock = HomeClock(tmp_path / "clock.json", otherwise=FixedClock(WALL))
    assert clock.now() == WALL
    start_replay(tmp_path, SPEC, ago(seconds=1))
    assert clock.now() > START
    paused = pause_replay(tmp_path, datetime.now(UTC))
    assert clock.now() == paused.position
    resume_replay(tmp_path, ago(days=1), speed=1)
    assert clock.now() >= paused.position + timedelta(days=1)
    (tmp_path / "clock.json").unlink()
    assert clock.now() == WALL


def test_the_file_is_read_only_when_it_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_replay(tmp_path, SPEC, WALL)
    clock = HomeClock(tmp_path / "clock.json", otherwise=FixedClock(WALL))
    clock.now()

    def fail(_home: Path) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr("analytics_platform.adapters.clock_state.read_state", fail)
    clock.now()


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "clock.json").write_text('{"position": "2013"}')
    with pytest.raises(DamagedRecord, match=r"clock\.json cannot be read"):
        open_clock(settings(tmp_path)).now()


def test_the_file_can_be_read_by_people(tmp_path: Path) -> None:
    start_replay(tmp_path, SPEC, WALL)
    assert '"position": "2013-11-01T00:00:00Z"' in (tmp_path / "clock.json").read_text()
    state = read_state(tmp_path)
    assert state is not None
    assert not state.is_paused
