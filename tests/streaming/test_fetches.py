"""A broker that is away is told of now and then, not at each try."""

import pytest
from structlog.testing import capture_logs

from streaming.fetches import Presence

AWAY = ConnectionError("no route")


def told(monkeypatch: pytest.MonkeyPatch, *tries: tuple[float, bool]) -> list[str]:
    """What is said at tries, each at a time and with an answer or without."""
    presence, now = Presence(), 0.0
    monkeypatch.setattr("streaming.fetches.time.monotonic", lambda: now)
    with capture_logs() as logs:
        for at, answers in tries:
            now = at
            if answers:
                presence.back()
            else:
                presence.away(AWAY)
    said: list[str] = []
    for one in logs:
        seconds = one.get("seconds", one.get("away_seconds"))
        said.append(f"{one['event']} {seconds}")
    return said


def test_a_broker_that_is_away_is_told_of_at_once_and_every_half_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times = (100.0, 100.5, 129.4, 130.0, 130.5, 159.4, 160.0)
    assert told(monkeypatch, *((at, False) for at in times)) == [
        "broker_is_away 0",
        "broker_is_away 30",
        "broker_is_away 60",
    ]


def test_a_broker_that_came_back_is_told_of_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries = ((90.0, True), (100.0, False), (112.5, True), (113.0, True))
    assert told(monkeypatch, *tries) == ["broker_is_away 0", "broker_came_back 12.5"]


def test_a_broker_that_is_away_again_is_told_of_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries = ((100.0, False), (101.0, True), (102.0, False))
    assert told(monkeypatch, *tries) == [
        "broker_is_away 0",
        "broker_came_back 1.0",
        "broker_is_away 0",
    ]
