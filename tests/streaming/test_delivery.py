"""Deliveries: in order, noted when they have arrived, tried again while none does."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import pytest

from analytics_platform.adapters.topic import DeliveryFailed, OutgoingRecord
from analytics_platform.clock import WallClock
from analytics_platform.contracts.messages import Prediction
from analytics_platform.errors import Unavailable
from streaming import delivery as module
from streaming.checkpoints.messages import Message, encode_messages
from streaming.checkpoints.values import OutputBlob, OutputId, PendingOutput
from streaming.delivery import Delivery
from streaming.outgoing import Outlet


class FakeOutput:
    """Topics in memory; the first `failures` flushes fail."""

    def __init__(self, failures: int = 0, error: Exception | None = None) -> None:
        self.sent: list[tuple[str, bytes | None, bytes | None]] = []
        self.failures = failures
        self._error = error or DeliveryFailed(1, "away")

    async def send(self, topic: str, records: Iterable[OutgoingRecord]) -> None:
        self.sent += [(topic, one.key, one.value) for one in records]

    async def flush(self) -> None:
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise self._error


def pending(number: int, kind: str = Outlet.RESULTS) -> PendingOutput:
    body = encode_messages([Message(b"k", b"%d" % number)])
    return PendingOutput(OutputId(1, number, 0), OutputBlob(kind, 0, 1, body))


def delivery(output: FakeOutput, noted: list[OutputId]) -> Delivery:
    predictions: Any = None  # no output of these tests is a prediction
    return Delivery(output, noted.extend, predictions, WallClock())  # type: ignore[arg-type]


def test_outputs_are_sent_in_order_and_noted() -> None:
    output, noted = FakeOutput(), list[OutputId]()
    made = delivery(output, noted)
    made.add("events", [pending(n) for n in range(250)])
    asyncio.run(made.send_all())
    assert output.sent == [("events.results", b"k", b"%d" % n) for n in range(250)]
    assert noted == [OutputId(1, n, 0) for n in range(250)]


def test_what_did_not_arrive_is_sent_again_and_noted_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 0)
    output, noted = FakeOutput(failures=2), list[OutputId]()
    made = delivery(output, noted)
    made.add("events", [pending(1, Outlet.DEAD_LETTERS)])
    asyncio.run(made.send_all())
    assert output.sent == [("events.dead_letters", b"k", b"1")] * 3
    assert noted == [OutputId(1, 1, 0)]


def test_what_is_still_underway_is_waited_for_and_not_sent_again() -> None:
    output, noted = FakeOutput(2, Unavailable("away", hint="")), list[OutputId]()
    made = delivery(output, noted)
    made.add("events", [pending(1)])
    asyncio.run(made.send_all())
    assert output.sent == [("events.results", b"k", b"1")]
    assert noted == [OutputId(1, 1, 0)]


class FakeLog:
    """A prediction log that is away at first."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def append(self, predictions: Sequence[Prediction], _at: datetime) -> int:
        self.calls.append([one.prediction_id for one in predictions])
        if len(self.calls) == 1:
            raise Unavailable("The database is locked.", hint="")
        return len(predictions)


def test_predictions_of_many_outputs_are_logged_at_once_before_they_are_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 0)
    output, noted, kept = FakeOutput(), list[OutputId](), FakeLog()
    made = Delivery(output, noted.extend, kept, WallClock())  # type: ignore[arg-type]
    made.add("events", [pending(0), *(predicted(n) for n in (1, 2, 3))])
    asyncio.run(made.send_all())
    assert kept.calls == [["p1", "p2", "p3"]] * 2
    topics = [topic for topic, _, _ in output.sent]
    assert topics == ["events.results", *["events.predictions"] * 3]
    assert len(noted) == 4


def predicted(number: int) -> PendingOutput:
    said = Prediction(
        prediction_id=f"p{number}",
        prediction="delay",
        model="delay",
        version="v1",
        snapshot="s1",
        event_id=f"e{number}",
        key="k",
        event_ms=number,
        value=1.5,
        unit="minutes",
        features_sha256="0" * 64,
    )
    body = encode_messages([Message(b"k", said.model_dump_json().encode())])
    blob = OutputBlob(Outlet.PREDICTIONS, 0, 1, body)
    return PendingOutput(OutputId(1, number, 0), blob)


def test_what_a_cancelled_delivery_left_is_sent_by_the_next() -> None:
    output, noted = FakeOutput(failures=1), list[OutputId]()
    made = delivery(output, noted)
    made.add("events", [pending(1), pending(2)])

    async def steps() -> None:
        running = asyncio.create_task(made.run())
        await asyncio.sleep(0.05)  # it waits for the broker
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert noted == []
        await made.send_all()

    asyncio.run(steps())
    assert noted == [OutputId(1, 1, 0), OutputId(1, 2, 0)]
