"""When a process begins anew that was taken over, and when it ends."""

import pytest

from streaming.checkpoints.errors import Fenced
from streaming.fencing import Contested, Fences


def lost(*owners: str) -> Fenced:
    return Fenced("readings", [0, 1], why="0 was claimed", owners=owners)


def test_now_and_then_it_begins_anew() -> None:
    fences = Fences("ann")
    for now in (0, 1, 2, 60, 61, 62, 120):
        fences.note(lost("bob"), now)


def test_the_fourth_time_in_a_minute_it_ends() -> None:
    fences = Fences("ann")
    for now in (0, 30, 58):
        fences.note(lost("bob"), now)
    with pytest.raises(Contested, match="0 was claimed") as caught:
        fences.note(lost("bob"), 59.9)
    assert "ANALYTICS_STREAMING__MEMBER" in caught.value.hint
    assert caught.value.exit_code == 5


def test_it_ends_at_once_when_the_new_owner_has_its_name() -> None:
    with pytest.raises(Contested):
        Fences("ann").note(lost("bob", "ann"), 0)
