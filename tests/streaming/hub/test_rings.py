"""A ring keeps the newest messages without holes, within its bounds."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.errors import InvalidUsage
from streaming.hub.channels import Channel, Kind, channel
from streaming.hub.rings import Ring
from streaming.hub.wire import NO_CAUSE, Batch, Cause


def ring(**bounds: int) -> Ring:
    made = channel("windows.orders", "Orders", Kind.WINDOW)
    bounded: Channel = dataclasses.replace(made, **bounds)  # type: ignore[arg-type]
    return Ring(bounded, epoch=7)


def fill(made: Ring, first: int, last: int, size: int = 10) -> None:
    for n in range(first, last + 1):
        made.append(n, Batch([f"k{n % 3}"], [b"x" * size], [(NO_CAUSE, 1)]))


def kept(made: Ring) -> list[int]:
    return [one.sequence for one in made.after(made.first - 1, 1_000)]


def test_it_keeps_the_newest_of_its_capacity() -> None:
    made = ring(capacity=4)
    fill(made, 1, 10)
    assert kept(made) == [7, 8, 9, 10]
    assert made.bytes == sum(len(one.data) for one in made.after(6, 10))


def test_it_keeps_no_more_bytes_than_it_may_but_always_the_newest_message() -> None:
    made = ring()
    fill(made, 1, 1)
    most = 2 * made.bytes + 5
    made = ring(max_bytes=most)
    fill(made, 1, 5)
    assert kept(made) == [4, 5]
    fill(made, 6, 6, size=10 * most)
    assert kept(made) == [6]
    assert made.bytes > 10 * most


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


class Model:
    """The same, kept message by message."""

    def __init__(self, bounds: Channel) -> None:
        self.bounds, self.all = bounds, list[tuple[int, str]]()
        self.latest: dict[str, int] = {}
        self.is_complete = True

    def append(self, sequence: int, key: str) -> None:
        self.all.append((sequence, key))
        self.latest.pop(key, None)
        self.latest[key] = sequence
        if len(self.latest) > self.bounds.max_keys:
            del self.latest[next(iter(self.latest))]
            self.is_complete = False


@given(
    st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=30), max_size=12),
    st.integers(1, 12),
    st.integers(1, 9),
)
def test_many_at_once_are_kept_as_one_by_one(
    batches: list[list[str]], capacity: int, max_keys: int
) -> None:
    made = ring(capacity=capacity, max_keys=max_keys)
    model = Model(made.channel)
    for keys in batches:
        first = made.last + 1
        causes = [(Cause(sent_ms=first + n), 1) for n in range(len(keys))]
        made.append(first, Batch(keys, [b"%d" % n for n in range(len(keys))], causes))
        for n, key in enumerate(keys):
            model.append(first + n, key)
        shown = [(one.sequence, one.key) for one in made.after(made.first - 1, 99)]
        assert shown == model.all[-capacity:]
        assert {m.key: m.sequence for m in made.latest()} == model.latest
        assert made.is_complete == model.is_complete
        assert made.bytes == sum(
            len(one) for one in made.texts_after(made.first - 1, 99)
        )
        for one in made.latest():  # each with its own place and cause
            text = json.loads(one.data)
            assert text["sequence"] == text["sent_ms"] == one.sequence
