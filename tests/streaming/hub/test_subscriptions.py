"""What clients see over disconnections: the sequence without holes, or a marker.

published   1  2  3  4  5  6  7  8  9
kept                       |  7  8  9   (capacity 3)
client      1  2  x ... away ...  ->  reset, or gap 3-6, then 7 8 9
"""

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.hub.channels import Kind, Policy, channel
from streaming.hub.rings import Ring
from streaming.hub.subscriptions import (
    FRAME_MESSAGES,
    Overrun,
    Own,
    Start,
    Subscription,
    read,
)
from streaming.hub.wire import NO_CAUSE, Batch, Place

KEYS = ("a", "b", "c")


def make_ring(policy: Policy, capacity: int = 3) -> Ring:
    made = channel("orders", "Orders", Kind.WINDOW)
    return Ring(dataclasses.replace(made, policy=policy, capacity=capacity), epoch=1)


def publish(ring: Ring, key: str = "a") -> None:
    ring.append(ring.last + 1, Batch([key], [b"{}"], [(NO_CAUSE, 1)]))


def taken(subscription: Subscription, frames: int = 1_000) -> list[dict[str, Any]]:
    """Everything there is to take now, or so many frames of it."""
    found: list[bytes] = []
    for _ in range(frames):
        if (part := subscription.take()) is None:
            break
        found += part.items if isinstance(part, Own) else read(subscription.ring, part)
    return [json.loads(item) for item in found]


def shown(subscription: Subscription) -> list[str | int]:
    return [
        item.get("sequence", item["type"])
        if item["type"] == "message"
        else item["type"]
        for item in taken(subscription)
    ]


def filled(policy: Policy, count: int) -> Ring:
    ring = make_ring(policy)
    for n in range(count):
        publish(ring, KEYS[n % 3])
    return ring


def test_a_new_reader_of_windows_gets_the_latest_of_each_key_first() -> None:
    ring = filled(Policy.CONFLATE, 5)
    reader = Subscription(ring, "latest")
    assert shown(reader) == [3, 4, 5]
    publish(ring)
    assert shown(reader) == [6]


def test_a_new_reader_of_events_gets_what_comes_after_it() -> None:
    ring = filled(Policy.GAP, 5)
    reader = Subscription(ring, "latest")
    assert shown(reader) == []
    publish(ring)
    assert shown(reader) == [6]


def test_a_reader_may_start_with_the_oldest_kept() -> None:
    assert shown(Subscription(filled(Policy.GAP, 5), "start")) == [3, 4, 5]


@pytest.mark.parametrize("policy", Policy)
def test_whoever_comes_back_in_time_misses_nothing(policy: Policy) -> None:
    ring = filled(policy, 5)
    reader = Subscription(ring, Place(1, 2))
    assert reader.resumed
    assert shown(reader) == [3, 4, 5]


@pytest.mark.parametrize("policy", Policy)
def test_whoever_comes_back_too_late_is_told_to_start_over(policy: Policy) -> None:
    reader = Subscription(filled(policy, 5), Place(1, 1))
    assert not reader.resumed
    first, *rest = taken(reader)
    assert (first["type"], first["reason"]) == ("reset", "too_old")
    assert [one["sequence"] for one in rest] == [3, 4, 5]


def test_a_place_of_another_epoch_is_none() -> None:
    first, *_ = taken(Subscription(filled(Policy.GAP, 5), Place(2, 5)))
    assert (first["type"], first["reason"]) == ("reset", "epoch_changed")


def test_a_place_that_only_another_replica_has_reached_is_waited_for() -> None:
    ring = filled(Policy.GAP, 5)
    reader = Subscription(ring, Place(1, 7))
    for _ in range(3):
        publish(ring)
    assert reader.resumed
    assert shown(reader) == [8]


def test_a_reader_behind_a_gap_channel_learns_what_it_missed() -> None:
    ring = filled(Policy.GAP, 0)
    reader = Subscription(ring, "latest")
    for _ in range(5):
        publish(ring)
    gap, *rest = taken(reader)
    assert (gap["type"], gap["first"], gap["last"]) == ("gap", 1, 2)
    assert [one["sequence"] for one in rest] == [3, 4, 5]


def test_a_reader_behind_a_conflated_channel_gets_the_latest_of_each_key() -> None:
    ring = filled(Policy.CONFLATE, 0)
    reader = Subscription(ring, "latest")
    for key in "abcbcbcbc":
        publish(ring, key)
    marker, *rest = taken(reader)
    assert (marker["type"], marker["first"], marker["last"]) == ("conflated", 1, 9)
    assert [(one["key"], one["sequence"]) for one in rest] == [
        ("a", 1),
        ("b", 8),
        ("c", 9),
    ]


@pytest.mark.parametrize(("most", "left"), [(3, ["a", "b", "c"]), (2, ["b", "c"])])
def test_a_reader_is_told_whether_the_latest_of_every_key_follow(
    most: int, left: list[str]
) -> None:
    made = make_ring(Policy.CONFLATE).channel
    ring = Ring(dataclasses.replace(made, max_keys=most), epoch=1)
    reader = Subscription(ring, "latest")
    for key in "abcabc":
        publish(ring, key)
    marker, *rest = taken(reader)
    assert marker["type"] == "conflated"
    assert marker["complete"] is (left == ["a", "b", "c"])
    assert [one["key"] for one in rest] == left


def test_a_reader_behind_a_channel_of_alerts_is_disconnected() -> None:
    ring = filled(Policy.DISCONNECT, 0)
    reader = Subscription(ring, "latest")
    for _ in range(5):
        publish(ring)
    with pytest.raises(Overrun):
        reader.take()


def test_a_new_epoch_is_told_to_whoever_reads() -> None:
    ring = filled(Policy.GAP, 3)
    reader = Subscription(ring, "start")
    assert shown(reader) == [1, 2, 3]
    ring.restart(2, last=0)
    publish(ring)
    assert shown(reader) == ["reset", 1]
    assert reader.place == Place(2, 1)


def test_a_filtered_reader_gets_its_keys_and_moves_on_past_the_others() -> None:
    ring = make_ring(Policy.GAP, capacity=10)
    reader = Subscription(ring, "latest", ["b"])
    for key in "abcabc":
        publish(ring, key)
    assert shown(reader) == [2, 5]
    assert reader.place == Place(1, 6)


def test_a_frame_is_bounded() -> None:
    ring = make_ring(Policy.GAP, capacity=2_000)
    reader = Subscription(ring, "latest")
    for _ in range(FRAME_MESSAGES + 1):
        publish(ring)
    part = reader.take()
    assert part is not None
    assert not isinstance(part, Own)
    assert len(read(ring, part)) == FRAME_MESSAGES
    assert reader.depth == 1


def test_what_waits_of_a_long_snapshot_survives_falling_behind() -> None:
    """A reader is in the middle of many keys' latest when the ring overtakes it."""
    ring = make_ring(Policy.CONFLATE, capacity=5)
    names = [f"k{n}" for n in range(FRAME_MESSAGES + 50)]
    for name in names:
        publish(ring, name)
    reader = Subscription(ring, "latest")
    part = reader.take()
    assert isinstance(part, Own)
    first = {json.loads(item)["key"] for item in part.items}
    for _ in range(10):
        publish(ring, "k0")
    rest = {item.get("key") for item in taken(reader)}
    assert first | rest >= set(names)


@dataclass
class Client:
    """A client as docs/streaming.md says one should be: it notes what it is told."""

    place: Place | None = None
    state: dict[str, int] = field(default_factory=dict)
    seen: list[int] = field(default_factory=list)
    holes: set[int] = field(default_factory=set)

    def hear(self, item: dict[str, Any]) -> None:
        if item["type"] == "reset":
            self.state, self.seen, self.holes = {}, [], set()
            self.place = Place(item["epoch"], item["sequence"])
        elif item["type"] in ("gap", "conflated"):
            self.holes |= set(range(item["first"], item["last"] + 1))
        else:
            assert not self.seen or item["sequence"] > self.seen[-1]
            self.seen.append(item["sequence"])
            self.state[item["key"]] = item["sequence"]
            self.place = Place(item["epoch"], item["sequence"])


STEPS = st.lists(
    st.one_of(
        st.sampled_from(KEYS),
        st.sampled_from(["take", "one", "leave", "new epoch"]),
    ),
    max_size=60,
)


@given(STEPS, st.sampled_from([Policy.CONFLATE, Policy.GAP]), st.integers(1, 6))
def test_over_any_disconnections_a_client_knows_of_every_hole(
    steps: list[str], policy: Policy, capacity: int
) -> None:
    ring = make_ring(policy, capacity)
    truth: dict[str, int] = {}
    client, reader = Client(), Subscription(ring, "latest")
    for step in [*steps, "come back", "take"]:
        if step in KEYS:
            publish(ring, step)
            truth[step] = ring.last
        elif step == "new epoch":
            ring.restart(ring.epoch + 1, last=0)
            truth = {}
        elif step in ("leave", "come back"):
            start: Start = client.place or "latest"
            reader = Subscription(ring, start)
        else:
            for item in taken(reader, frames=1 if step == "one" else 1_000):
                client.hear(item)
    if client.seen:
        told = set(client.seen) | client.holes
        is_whole = told >= set(range(client.seen[0], ring.last + 1))
        assert is_whole or policy is Policy.CONFLATE
    if policy is Policy.CONFLATE:
        assert {k: v for k, v in client.state.items() if k in truth} == truth
