"""A ring keeps the newest messages without holes, within its bounds."""

import dataclasses

import pytest

from analytics_platform.errors import InvalidUsage
from streaming.hub.channels import Channel, Kind, channel
from streaming.hub.rings import Message, Ring


def ring(**bounds: int) -> Ring:
    made = channel("windows.orders", "Orders", Kind.WINDOW)
    bounded: Channel = dataclasses.replace(made, **bounds)  # type: ignore[arg-type]
    return Ring(bounded, epoch=7)


def fill(made: Ring, first: int, last: int, size: int = 10) -> None:
    for n in range(first, last + 1):
        made.append(Message(n, f"k{n % 3}", b"x" * size))


def kept(made: Ring) -> list[int]:
    return [one.sequence for one in made.after(made.first - 1, 1_000)]


def test_it_keeps_the_newest_of_its_capacity() -> None:
    made = ring(capacity=4)
    fill(made, 1, 10)
    assert kept(made) == [7, 8, 9, 10]
    assert made.bytes == 40


def test_it_keeps_no_more_bytes_than_it_may_but_always_the_newest_message() -> None:
    made = ring(max_bytes=25)
    fill(made, 1, 5)
    assert kept(made) == [4, 5]
    fill(made, 6, 6, size=100)
    assert kept(made) == [6]
    assert made.bytes == 100


def test_the_latest_of_each_key_outlive_the_ring() -> None:
    made = ring(capacity=1)
    fill(made, 1, 5)
    assert [(m.sequence, m.key) for m in made.latest()] == [
        (3, "k0"),
        (4, "k1"),
        (5, "k2"),
    ]
    assert [m.sequence for m in made.latest(after=3)] == [4, 5]
    assert made.is_complete


def test_keys_without_bound_push_out_the_one_unchanged_for_longest() -> None:
    made = ring(max_keys=2)
    fill(made, 1, 3)
    assert [m.key for m in made.latest()] == ["k2", "k0"]
    assert not made.is_complete


def test_after_a_hole_nothing_older_is_kept() -> None:
    made = ring()
    fill(made, 1, 3)
    fill(made, 9, 10)
    assert (made.first, made.last, kept(made)) == (9, 10, [9, 10])
    assert not made.is_complete


def test_a_restart_forgets_everything() -> None:
    made = ring()
    fill(made, 1, 3)
    made.restart(8, last=0)
    assert (made.epoch, made.first, made.last, made.latest()) == (8, 1, 0, [])


@pytest.mark.parametrize("name", ["", "Windows", "a b", "a,b", "a=b", "x" * 101])
def test_a_name_that_could_not_stand_in_an_address_is_refused(name: str) -> None:
    with pytest.raises(InvalidUsage, match="cannot be named"):
        channel(name, "Orders", Kind.WINDOW)


def test_a_channel_that_keeps_nothing_is_refused() -> None:
    made: Channel = channel("windows.orders", "Orders", Kind.WINDOW)
    with pytest.raises(InvalidUsage, match="would keep nothing"):
        dataclasses.replace(made, capacity=0)
