"""The hub wakes whoever reads, at its pace, and writes each frame once."""

import asyncio
import json

import pytest

from analytics_platform.errors import NotFound
from streaming.hub.channels import Channel, Kind, channel
from streaming.hub.hub import Hub, Pace
from streaming.hub.subscriptions import Subscription
from streaming.hub.wire import NO_CAUSE, Batch, Cause, Place
from tests.support.loops import in_loop

ORDERS = channel("windows.orders", "Orders", Kind.WINDOW)
EVENTS = channel("events.orders", "Every order", Kind.EVENT)
ONE = Batch(["a"], [b"{}"], [(NO_CAUSE, 1)])


class Counter:
    """A reader that counts how often it was woken."""

    def __init__(self) -> None:
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1


PACE = Pace(seconds=0.005)


def make_hub(pace: Pace = PACE) -> Hub:
    return Hub([ORDERS, EVENTS], epoch=7, pace=pace)


@in_loop
async def test_a_message_says_where_it_stands_and_what_it_follows_from() -> None:
    hub = make_hub()
    cause = Cause(sent_ms=1_000, trace="0" * 32)
    place = hub.publish("windows.orders", {"n": 1.5}, key='J"K', cause=cause)
    assert place == Place(7, 1)
    text = hub.frame_of((Subscription(hub.ring("windows.orders"), "start").take(),))  # type: ignore[arg-type]
    assert json.loads(text or b"") == {
        "type": "frame",
        "items": [
            {
                "type": "message",
                "channel": "windows.orders",
                "kind": "window",
                "epoch": 7,
                "sequence": 1,
                "key": 'J"K',
                "sent_ms": 1000,
                "trace": "0" * 32,
                "data": {"n": 1.5},
            }
        ],
    }


@in_loop
async def test_a_payload_that_is_json_already_is_taken_as_it_is() -> None:
    hub = make_hub()
    hub.publish("windows.orders", b'{"n":\n1}')
    (message,) = hub.ring("windows.orders").after(0, 10)
    assert message.data.endswith(b'"key":null,"data":{"n": 1}}')


@in_loop
async def test_the_first_message_goes_out_at_once_and_the_next_together() -> None:
    hub, reader = make_hub(Pace(seconds=0.05)), Counter()
    hub.listen(reader, "windows.orders")
    hub.publish("windows.orders", {})
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert reader.woken == 1
    for _ in range(100):
        hub.publish("windows.orders", {})
    await asyncio.sleep(0.02)
    assert reader.woken == 1
    await asyncio.sleep(0.05)
    assert reader.woken == 2


@in_loop
async def test_nobody_is_woken_for_a_channel_that_he_does_not_read() -> None:
    hub, reader = make_hub(), Counter()
    hub.listen(reader, "events.orders")
    hub.publish("windows.orders", {})
    await asyncio.sleep(0.03)
    assert reader.woken == 0


def test_many_clients_get_frames_less_often() -> None:
    pace = Pace(seconds=0.02, seconds_per_client=0.0001)
    assert pace.between_frames(10) == 0.02
    assert pace.between_frames(1_000) == pytest.approx(0.1)


@in_loop
async def test_clients_at_the_same_place_share_one_text() -> None:
    hub = make_hub()
    readers = [Subscription(hub.ring("windows.orders"), "latest") for _ in range(2)]
    hub.publish("windows.orders", {"n": 1})
    texts = [hub.frame_of((reader.take(),)) for reader in readers]  # type: ignore[arg-type]
    assert texts[0] is texts[1]


@in_loop
async def test_a_frame_in_which_no_message_is_wanted_is_none() -> None:
    hub = make_hub()
    reader = Subscription(hub.ring("windows.orders"), "latest", ["b"])
    hub.publish("windows.orders", {"n": 1}, key="a")
    assert hub.frame_of((reader.take(),)) is None  # type: ignore[arg-type]


@in_loop
async def test_a_message_received_twice_is_there_once() -> None:
    hub = make_hub()
    for sequence in (1, 2, 2, 1, 3):
        hub.receive("windows.orders", Place(7, sequence), ONE)
    assert hub.ring("windows.orders").last == 3
    assert hub.published["windows.orders"] == 3


@in_loop
async def test_a_message_of_a_new_epoch_begins_a_new_ring() -> None:
    hub = make_hub()
    hub.receive("windows.orders", Place(7, 1), ONE)
    hub.receive("windows.orders", Place(8, 5), ONE)
    ring = hub.ring("windows.orders")
    assert (ring.epoch, ring.first, ring.last) == (8, 5, 5)


def test_a_channel_that_was_not_declared_is_not_found() -> None:
    with pytest.raises(NotFound, match=r"no channel 'x'.*windows.orders"):
        make_hub().publish("x", {})


@in_loop
async def test_latency_is_told_for_messages_with_a_cause() -> None:
    told: list[tuple[Channel, float, int]] = []
    hub = Hub([ORDERS], epoch=1, pace=PACE, on_latency=lambda *one: told.append(one))
    hub.publish("windows.orders", {})
    hub.publish("windows.orders", {}, cause=Cause(sent_ms=0))
    await asyncio.sleep(0.01)
    ((one, seconds, messages),) = told
    assert (one, messages) == (ORDERS, 1)
    assert seconds > 1_000_000_000
