"""What a former owner committed and may not have pushed reaches the clients."""

import asyncio
import json
from collections.abc import Sequence

import pytest

from streaming.checkpoints.messages import (
    Lines,
    Message,
    encode_lines,
    encode_messages,
    traced,
)
from streaming.checkpoints.values import OutputBlob, OutputId, PendingOutput
from streaming.hub.channels import Kind, channel
from streaming.hub.hub import Hub, Pace
from streaming.hub.wire import NO_CAUSE, Batch
from streaming.outgoing import Outlet
from streaming.recall import Recall
from tests.support.loops import in_loop

WINDOWS, PREDICTIONS = "windows.by_second", "predictions.delay"
TRACE = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"


@pytest.fixture
def hub() -> Hub:
    channels = [
        channel(WINDOWS, "By second", Kind.WINDOW),
        channel(PREDICTIONS, "Delay", Kind.PREDICTION),
    ]
    return Hub(channels, epoch=1, pace=Pace(0.001))


def window(key: str, start_ms: int, name: str = "by_second") -> tuple[str, bytes]:
    told = {"kind": "window", "window": name, "key": key, "start_ms": start_ms}
    return key, json.dumps(told).encode()


def retraction(key: str, start_ms: int) -> tuple[str, bytes]:
    told = {"kind": "retract", "window": "by_second", "key": key, "start_ms": start_ms}
    return key, json.dumps(told).encode()


def prediction(key: str, number: int) -> Message:
    told = {"prediction": "delay", "key": key, "number": number}
    return Message(key.encode(), json.dumps(told).encode(), traced(TRACE))


def results(
    *some: tuple[str, bytes], partition: int = 0, sequence: int = 1
) -> PendingOutput:
    keys, values = zip(*some, strict=True)
    body = encode_lines(Lines(keys, values, [(TRACE, len(some))]))
    return pending(Outlet.RESULTS, len(some), body, OutputId(partition, sequence, 0))


def messages(kind: Outlet, *some: Message) -> PendingOutput:
    return pending(kind, len(some), encode_messages(some), OutputId(0, 1, 1))


def pending(kind: str, count: int, body: bytes, place: OutputId) -> PendingOutput:
    return PendingOutput(
        place, OutputBlob(kind, place.partition_id, messages=count, body=body)
    )


def publish(hub: Hub, channel: str, key: str, payload: bytes) -> None:
    hub.publish_all(channel, Batch([key], [payload], [(NO_CAUSE, 1)]))


def shown(hub: Hub, channel: str) -> Sequence[bytes]:
    ring = hub.ring(channel)
    return [
        json.dumps(json.loads(one.data)["data"]).encode()
        for one in ring.after(ring.first - 1, 100_000)
    ]


@in_loop
async def test_all_that_a_partition_left_is_shown_in_the_order_of_its_commits(
    hub: Hub,
) -> None:
    left = [
        results(window("a", 1), window("b", 1), sequence=1),
        messages(Outlet.PREDICTIONS, prediction("x", 1), prediction("x", 2)),
        results(window("a", 3), retraction("a", 1), sequence=3),
        results(window("a", 2), sequence=2),
    ]
    await Recall(hub, hub)(left)
    wanted = [window("a", 1), window("b", 1), window("a", 2), window("a", 3)]
    assert shown(hub, WINDOWS) == [one for _, one in (*wanted, retraction("a", 1))]
    said = [json.loads(one)["number"] for one in shown(hub, PREDICTIONS)]
    assert said == [1, 2]
    told = [json.loads(one.data) for one in hub.ring(PREDICTIONS).after(0, 9)]
    assert [one["key"] for one in told] == ["x", "x"]
    assert {one["trace"] for one in told} == {TRACE}


@in_loop
async def test_what_came_before_something_known_is_not_shown_again(hub: Hub) -> None:
    known = window('a,"data":"', 2)
    publish(hub, WINDOWS, *known)
    await Recall(hub, hub)([results(window("a", 1), known, window("b", 1))])
    assert shown(hub, WINDOWS) == [known[1], window("b", 1)[1]]


@in_loop
async def test_what_is_known_of_one_partition_says_nothing_of_another(
    hub: Hub,
) -> None:
    known = window("a", 2)
    publish(hub, WINDOWS, *known)
    await Recall(hub, hub)(
        [results(window("b", 1), partition=1), results(window("a", 1), known)]
    )
    assert shown(hub, WINDOWS) == [known[1], window("b", 1)[1]]


@in_loop
async def test_of_very_much_the_newest_of_each_partition_is_shown(hub: Hub) -> None:
    many = [window("a", n) for n in range(20_000)]
    few = [window("b", n) for n in range(10)]
    await Recall(hub, hub)([results(*many), results(*few, partition=1)])
    quarter = hub.ring(WINDOWS).channel.capacity // 4
    wanted = [one for _, one in (*many[-quarter:], *few)]
    assert shown(hub, WINDOWS) == wanted


@in_loop
async def test_what_cannot_be_read_is_left_out(hub: Hub) -> None:
    await Recall(hub, hub)([results(("a", b"{"), window("a", 1), ("a", b"[]"))])
    assert shown(hub, WINDOWS) == [window("a", 1)[1]]


@in_loop
async def test_dead_letters_and_windows_that_are_declared_no_more_are_left_out(
    hub: Hub,
) -> None:
    letter = Message(b"k", b"no JSON at all")
    gone = window("a", 1, name="dropped")
    await Recall(hub, hub)([messages(Outlet.DEAD_LETTERS, letter), results(gone)])
    assert not any(hub.published.values())


@in_loop
async def test_it_waits_until_it_knows_what_other_replicas_pushed(hub: Hub) -> None:
    joined = asyncio.Event()
    recalled = asyncio.create_task(Recall(hub, hub, joined)([results(window("a", 1))]))
    await asyncio.sleep(0.05)
    assert not recalled.done()
    publish(hub, WINDOWS, *window("a", 1))
    joined.set()
    await recalled
    assert shown(hub, WINDOWS) == [window("a", 1)[1]]


@in_loop
async def test_it_does_not_wait_for_long(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streaming.recall._JOIN_SECONDS", 0.01)
    await Recall(hub, hub, asyncio.Event())([results(window("a", 1))])
    assert shown(hub, WINDOWS) == [window("a", 1)[1]]
