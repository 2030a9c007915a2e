"""What leaves the sidecar once it is committed: records for topics, pushed messages."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import cast

from analytics_platform.contracts.messages import Prediction, Retraction, WindowResult
from streaming.checkpoints.messages import Message, encode_messages
from streaming.checkpoints.values import OutputBlob
from streaming.event_batch import Rejected
from streaming.hub.wire import Cause
from streaming.output import letter_of
from streaming.pipeline import Output
from streaming.records import Record
from streaming.results import messages


class Outlet(StrEnum):
    """Kinds of outputs; each has a topic beside that of the events."""

    RESULTS = "results"
    PREDICTIONS = "predictions"
    DEAD_LETTERS = "dead_letters"

    def topic(self, events: str) -> str:
        """The topic of this kind for a topic of events."""
        return f"{events}.{self}"


@dataclass(frozen=True)
class Pushed:
    """A message for the hub."""

    channel: str
    key: str | None
    payload: bytes
    cause: Cause


def window_channel(window: str) -> str:
    """The channel of a live window."""
    return f"windows.{window}"


def prediction_channel(prediction: str) -> str:
    """The channel of a live prediction."""
    return f"predictions.{prediction}"


LATE_CHANNEL = "events.late"
DEAD_LETTER_CHANNEL = "events.dead_letters"


class Outgoing:
    """Collects the outputs of one commit, by kind and partition, and what is pushed."""

    def __init__(self) -> None:
        self.pushed: list[Pushed] = []
        self._records: list[tuple[Outlet, int, Message]] = []

    def add(self, output: Output, cause: Cause, at_ms: int) -> None:
        """Take in what came of some records; `at_ms` is the wall's time."""
        for rows in output.windows:
            for said in messages(rows.window, rows.results):
                self._result(said, rows.partition, cause)
        for prediction, partition in zip(
            output.predictions, output.prediction_partitions, strict=True
        ):
            self._prediction(prediction, partition, cause)
        for late in output.late:
            payload = late.model_dump_json().encode()
            self._push(LATE_CHANNEL, late.key, payload, cause)
        for rejected in output.rejected:
            self._rejected(rejected, cause, at_ms)

    def blobs(self) -> Iterator[OutputBlob]:
        """The records, one blob for each kind and partition."""
        ordered = sorted(self._records, key=lambda one: one[:2])
        for (outlet, partition), group in groupby(ordered, lambda one: one[:2]):
            found = [message for _, _, message in group]
            yield OutputBlob(outlet, partition, len(found), encode_messages(found))

    def _result(
        self, said: WindowResult | Retraction, partition: int, cause: Cause
    ) -> None:
        payload = said.model_dump_json().encode()
        message = Message(said.key.encode(), payload, _trace(cause))
        self._records.append((Outlet.RESULTS, partition, message))
        self._push(window_channel(said.window), said.key, payload, cause)

    def _prediction(self, said: Prediction, partition: int, cause: Cause) -> None:
        payload = said.model_dump_json().encode()
        message = Message(said.key.encode(), payload, _trace(cause))
        self._records.append((Outlet.PREDICTIONS, partition, message))
        self._push(prediction_channel(said.prediction), said.key, payload, cause)

    def _rejected(self, rejected: Rejected, cause: Cause, at_ms: int) -> None:
        letter = rejected.letter
        # The consumer's records; the pipeline itself asks for their values only.
        record = cast("Record", rejected.records.record(rejected.index))
        stored = letter_of(
            record,
            error=letter.error,
            message=letter.message,
            at_ms=at_ms,
        )
        message = Message(stored.key, stored.value, tuple(stored.written_headers()))
        self._records.append((Outlet.DEAD_LETTERS, letter.partition, message))
        payload = letter.model_dump_json().encode()
        self._push(DEAD_LETTER_CHANNEL, None, payload, cause)

    def _push(
        self, channel: str, key: str | None, payload: bytes, cause: Cause
    ) -> None:
        self.pushed.append(Pushed(channel, key, payload, cause))


def _trace(cause: Cause) -> tuple[tuple[str, bytes], ...]:
    return (("traceparent", cause.trace.encode()),) if cause.trace else ()
