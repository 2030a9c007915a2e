"""`analytics replay`: which days, how fast, and what the user is warned of."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from analytics_platform.adapters.model_registry import ModelRegistry
from analytics_platform.adapters.replay_sending import Progress
from analytics_platform.cli import replay
from analytics_platform.cli.replay_display import ReplayDisplay
from analytics_platform.core.pacing import AsInLife, AtOnce, Pace, Steady
from analytics_platform.domains.flights import DOMAIN
from analytics_platform.errors import InvalidUsage
from analytics_platform.settings import Settings

WEEK = timedelta(days=7)
END = DOMAIN.partitions.end


@pytest.mark.parametrize(
    ("speed", "rate", "wanted"),
    [
        (None, "", AsInLife(5, DOMAIN.replay.speed)),
        (60.0, "", AsInLife(5, 60.0)),
        (None, "1500", Steady(1500)),
        (None, "max", AtOnce()),
    ],
)
def test_a_replay_has_a_speed_or_a_rate(
    speed: float | None, rate: str, wanted: Pace
) -> None:
    assert replay._pace(DOMAIN, 5, speed, rate) == wanted


@pytest.mark.parametrize(
    ("speed", "rate"),
    [(0.0, ""), (-1.0, ""), (60.0, "100"), (None, "0"), (None, "fast"), (None, "inf")],
)
def test_what_is_no_pace_is_refused(speed: float | None, rate: str) -> None:
    with pytest.raises(InvalidUsage):
        replay._pace(DOMAIN, 5, speed, rate)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What the released model was trained through; unset: none is released."""
    known = SimpleNamespace(through=None)

    def champion(_: ModelRegistry, __: str) -> SimpleNamespace | None:
        return SimpleNamespace(version="v1") if known.through else None

    def manifest(_: ModelRegistry, __: str, ___: str) -> SimpleNamespace:
        return SimpleNamespace(trained_through=known.through)

    monkeypatch.setattr(ModelRegistry, "champion", champion)
    monkeypatch.setattr(ModelRegistry, "manifest", manifest)
    return known


def period(tmp_path: Path, first: date | None = None) -> replay._Period:
    return replay._period(Settings(home=tmp_path), DOMAIN, first, WEEK.days)


def test_without_a_model_it_begins_where_the_domain_says(
    tmp_path: Path, trained: SimpleNamespace
) -> None:
    assert trained.through is None
    start = DOMAIN.replay.start
    assert period(tmp_path) == replay._Period(start, start + WEEK)


@pytest.mark.parametrize(
    ("through", "first"),
    [  # New York is four hours behind
        (datetime(2013, 10, 1, 4, 0, tzinfo=UTC), date(2013, 10, 1)),
        (datetime(2013, 10, 1, 4, 1, tzinfo=UTC), date(2013, 10, 2)),
        (datetime(2013, 10, 1, 3, 59, tzinfo=UTC), date(2013, 10, 1)),
    ],
)
def test_by_default_the_model_has_not_seen_the_days(
    tmp_path: Path, trained: SimpleNamespace, through: datetime, first: date
) -> None:
    trained.through = through
    assert period(tmp_path) == replay._Period(first, first + WEEK)
    assert not period(tmp_path, first).warning
    early = period(tmp_path, first - timedelta(days=1))
    assert f"trained on days up to {first - timedelta(days=1)}" in early.warning


def test_a_model_that_has_seen_all_days_is_shown_the_last_with_a_warning(
    tmp_path: Path, trained: SimpleNamespace
) -> None:
    trained.through = datetime(END.year, END.month, END.day, 12, tzinfo=UTC)
    found = period(tmp_path)
    assert (found.first, found.until) == (END - WEEK, END)
    assert "look better than they are" in found.warning


def test_without_a_terminal_progress_is_a_line_now_and_then() -> None:
    console = Console(record=True, force_terminal=False, width=80)
    with ReplayDisplay(console, 1_000) as display:
        for events in range(1, 1_001):
            display.show(Progress(events, 1_383_264_000_000 + events))
    lines = console.export_text().splitlines()
    assert len(lines) == 10
    assert lines[0] == "2013-11-01 00:00 UTC: 100 of 1,000 events"
    assert lines[-1] == "2013-11-01 00:00 UTC: 1,000 of 1,000 events"
