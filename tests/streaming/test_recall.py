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


def prediction(key: str, number: int) -> Message:
    told = {"prediction": "delay", "key": key, "number": number}
    return Message(key.encode(), json.dumps(told).encode(), traced(TRACE))


def results(*some: tuple[str, bytes]) -> PendingOutput:
    keys, values = zip(*some, strict=True)
    body = encode_lines(Lines(keys, values, [(TRACE, len(some))]))
    return pending(Outlet.RESULTS, len(some), body)


def messages(kind: Outlet, *some: Message) -> PendingOutput:
    return pending(kind, len(some), encode_messages(some))


def pending(kind: str, count: int, body: bytes) -> PendingOutput:
    return PendingOutput(OutputId(1, 1, 0), OutputBlob(kind, 0, count, body))


def publish(hub: Hub, channel: str, key: str, payload: bytes) -> None:
    hub.publish_all(channel, Batch([key], [payload], [(NO_CAUSE, 1)]))


def shown(hub: Hub, channel: str) -> Sequence[bytes]:
    ring = hub.ring(channel)
    return [
        json.dumps(json.loads(one.data)["data"]).encode()
        for one in ring.after(ring.first - 1, 1_000)
    ]


@in_loop
async def test_the_last_result_of_each_key_is_shown_and_every_prediction(
    hub: Hub,
) -> None:
    left = [
        results(window("a", 1), window("b", 1)),
        messages(Outlet.PREDICTIONS, prediction("x", 1), prediction("x", 2)),
        results(window("a", 2)),
    ]
    await Recall(hub, hub)(left)
    assert shown(hub, WINDOWS) == [window("b", 1)[1], window("a", 2)[1]]
    said = [json.loads(one)["number"] for one in shown(hub, PREDICTIONS)]
    assert said == [1, 2]
    told = [json.loads(one.data) for one in hub.ring(PREDICTIONS).after(0, 9)]
    assert [one["key"] for one in told] == ["x", "x"]
    assert {one["trace"] for one in told} == {TRACE}


@in_loop
async def test_what_the_clients_have_is_not_shown_again(hub: Hub) -> None:
    known, new = window("a", 1), window("b", 1)
    publish(hub, WINDOWS, *known)
    guessed = prediction('a,"data":"', 1)
    publish(hub, PREDICTIONS, 'a,"data":"', guessed.value or b"")
    await Recall(hub, hub)([results(known, new), messages(Outlet.PREDICTIONS, guessed)])
    assert shown(hub, WINDOWS) == [known[1], new[1]]
    assert len(shown(hub, PREDICTIONS)) == 1


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
