"""When events are due: as in life, at a rate, or as a clock passes them."""

import pytest

from analytics_platform.core.pacing import (
    LONGEST_WAIT,
    Allowance,
    AsInLife,
    AtMost,
    AtOnce,
    Hands,
    Pace,
    Position,
    Steady,
)

# A clock of 600 times the wall's speed: a wall second is ten minutes.
SPEED, TEN_MINUTES_MS = 600.0, 600_000


def test_times_between_events_shrink_by_the_speed() -> None:
    pace = AsInLife(first_ms=1_000, speed=60)
    assert [pace.due(0, at) for at in (1_000, 61_000, 121_000)] == [0, 1, 2]
    assert pace.due(0, 500) == 0


def test_a_rate_counts_events_and_at_once_counts_nothing() -> None:
    assert [Steady(4).due(count, 0) for count in range(3)] == [0, 0.25, 0.5]
    assert AtOnce().due(1_000, 10**12) == 0


@pytest.mark.parametrize(
    ("pace", "wanted"),
    [
        (AtOnce(), [0, 0.5, 1.0]),
        (Steady(10), [0, 0.5, 1.0]),
        (Steady(1), [0, 1, 2]),
        (AsInLife(0, speed=1), [0, 0.5, 3.0]),
    ],
)
def test_a_cap_holds_back_only_what_is_faster(pace: Pace, wanted: list[float]) -> None:
    capped = AtMost(pace, per_second=2)
    assert [capped.due(n, ms) for n, ms in enumerate((0, 100, 3_000))] == wanted


def test_hands_that_keep_up_show_what_the_clock_shows() -> None:
    hands = Hands(0, seen=100.0).moved(60_000, SPEED, 100.1)
    assert hands == Hands(60_000, 100.1, SPEED)
    assert hands.wait(60_000) == 0
    assert hands.wait(90_000) == pytest.approx(0.05)
    assert hands.wait(10 * TEN_MINUTES_MS) == LONGEST_WAIT


def test_hands_of_a_clock_that_stands_stand_too() -> None:
    """now   0 ... 0 ... 0    the event at 1 is not due, however long it takes"""
    hands = Hands(0, seen=0)
    for second in range(5):
        hands = hands.moved(0, 0, second)
    assert hands.at_ms == 0
    assert hands.wait(1) == LONGEST_WAIT


def test_hands_that_lag_run_twice_as_fast_until_they_have_caught_up() -> None:
    """
    wall    0      0.1      0.2
    clock   10 min 11 min   12 min
    hands   0      2 min    4 min ...
    """
    hands = Hands(0, seen=0.0, speed=SPEED)
    for step in range(1, 4):
        hands = hands.moved(TEN_MINUTES_MS + step * 60_000, SPEED, step / 10)
        assert hands.at_ms == pytest.approx(step * 120_000)
        assert hands.speed == 2 * SPEED
    for step in range(4, 40):
        hands = hands.moved(TEN_MINUTES_MS + step * 60_000, SPEED, step / 10)
    assert hands.at_ms == TEN_MINUTES_MS + 39 * 60_000


def test_after_a_long_absence_hands_do_not_jump() -> None:
    hands = Hands(0, seen=0.0).moved(100 * TEN_MINUTES_MS, SPEED, 60.0)
    assert hands.at_ms == LONGEST_WAIT * 1000 * SPEED * 2


def test_hands_follow_a_clock_that_is_set_back() -> None:
    assert Hands(5_000, 0.0).moved(1_000, SPEED, 0.1).at_ms == 1_000


def test_an_allowance_gives_a_second_at_once_and_then_its_rate() -> None:
    allowance, now, sent = Allowance(10), 0.0, []
    for _ in range(40):
        now += allowance.wait(now)
        allowance = allowance.after_one(now)
        sent.append(now)
    assert sum(at == 0 for at in sent) in {10, 11}
    assert sent[-1] == pytest.approx(2.9, abs=0.11)
    for at in range(3):
        assert sum(at <= one < at + 1 for one in sent) <= 21


def test_an_unused_allowance_does_not_add_up() -> None:
    allowance, now = Allowance(10).after_one(0), 1_000.0
    for _ in range(10):
        assert allowance.wait(now) == 0
        allowance = allowance.after_one(now)
    assert allowance.after_one(now).wait(now) == pytest.approx(0.1)


def test_a_position_counts_the_events_of_its_instant() -> None:
    position = Position(5)
    for at in (5, 5, 8):
        position = position.after(at)
    assert position == Position(8, 1)
    assert Position(5).after(5).after(5) == Position(5, 2)
