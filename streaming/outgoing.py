"""What leaves the sidecar once it is committed: records for topics, pushed messages."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, cast

from analytics_platform.contracts.messages import LateEvent, Prediction
from streaming.causes import Causes, Position
from streaming.checkpoints.messages import (
    Lines,
    Message,
    encode_lines,
    encode_messages,
    traced,
)
from streaming.checkpoints.values import OutputBlob
from streaming.event_batch import Rejected
from streaming.hub.wire import Batch, Cause, Run
from streaming.output import letter_of
from streaming.pipeline import Output
from streaming.records import Record
from streaming.result_lines import result_lines
from streaming.window_stage import WindowRows


class Outlet(StrEnum):
    """Kinds of outputs; each has a topic beside that of the events."""

    RESULTS = "results"
    PREDICTIONS = "predictions"
    DEAD_LETTERS = "dead_letters"

    def topic(self, events: str) -> str:
        """The topic of this kind for a topic of events."""
        return f"{events}.{self}"


class Pushed(NamedTuple):
    """Messages for the hub."""

    channel: str
    batch: Batch


def window_channel(window: str) -> str:
    """The channel of a live window."""
    return f"windows.{window}"


def prediction_channel(prediction: str) -> str:
    """The channel of a live prediction."""
    return f"predictions.{prediction}"


LATE_CHANNEL = "events.late"
DEAD_LETTER_CHANNEL = "events.dead_letters"


@dataclass
class Tally:
    """How much of what went out, for the metrics.

    `late` are events that reached no window by (window, reason), `missed` the windows
    that late events missed by window, `letters` records set aside by fault,
    `unpredicted` events that a broken model was not asked about by prediction.
    """

    windows: Counter[str] = field(default_factory=Counter)
    predictions: Counter[str] = field(default_factory=Counter)
    late: Counter[tuple[str, str]] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    letters: Counter[str] = field(default_factory=Counter)
    unpredicted: Counter[str] = field(default_factory=Counter)


@dataclass
class _Columns:
    """Results of one partition, to be sent in this order."""

    keys: list[str] = field(default_factory=list)
    values: list[bytes] = field(default_factory=list)
    traces: list[tuple[str | None, int]] = field(default_factory=list)

    def blob(self, outlet: Outlet, partition: int) -> OutputBlob:
        """All of them."""
        body = encode_lines(Lines(self.keys, self.values, self.traces))
        return OutputBlob(outlet, partition, len(self.keys), body)


@dataclass
class _Messages:
    """Messages of one channel, to be pushed together."""

    keys: list[str | None] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)
    causes: list[Run] = field(default_factory=list)


class Outgoing:
    """Collects the outputs of one commit, by kind and partition, and what is pushed."""

    def __init__(self) -> None:
        self.tally = Tally()
        self._windows: list[Pushed] = []
        self._messages: dict[str, _Messages] = {}
        self._records: dict[tuple[Outlet, int], list[Message]] = {}
        self._results: dict[int, _Columns] = {}

    def add(self, output: Output, causes: Causes, at_ms: int) -> None:
        """Take in what came of some records; `at_ms` is the wall's time."""
        for rows in output.windows:
            if len(rows.results):
                self._add_results(rows, causes)
        for prediction, position in zip(
            output.predictions, output.prediction_causes, strict=True
        ):
            self._add_prediction(prediction, position.partition, causes.of(position))
        for late in output.late:
            self._add_late(late, causes.of(Position(late.partition, late.offset)))
        for rejected in output.rejected:
            letter = rejected.letter
            position = Position(letter.partition, letter.offset)
            self._add_rejected(rejected, causes.of(position), at_ms)
        self.tally.unpredicted += output.unpredicted

    @property
    def has_messages(self) -> bool:
        """Whether there is anything to push."""
        return bool(self._windows or self._messages)

    @property
    def pushed(self) -> list[Pushed]:
        """What is pushed, in the order of each channel."""
        return self._windows + [
            Pushed(channel, Batch(some.keys, some.payloads, some.causes))
            for channel, some in self._messages.items()
        ]

    def blobs(self) -> Iterator[OutputBlob]:
        """The records, one blob for each kind and partition."""
        for partition, columns in sorted(self._results.items()):
            yield columns.blob(Outlet.RESULTS, partition)
        for (outlet, partition), found in sorted(self._records.items()):
            yield OutputBlob(outlet, partition, len(found), encode_messages(found))

    def _add_results(self, rows: WindowRows, causes: Causes) -> None:
        lines = result_lines(rows.window, rows.results)
        runs: list[Run] = [(causes.of(one), count) for one, count in rows.causes]
        columns = self._results.setdefault(rows.partition, _Columns())
        columns.keys += rows.results.keys
        columns.values += lines
        columns.traces += [(cause.trace, count) for cause, count in runs]
        batch = Batch(rows.results.keys, lines, runs)
        self._windows.append(Pushed(window_channel(rows.window), batch))
        self.tally.windows[rows.window] += len(lines)

    def _add_late(self, late: LateEvent, cause: Cause) -> None:
        if late.reached_none:
            self.tally.late[(late.window, late.reason)] += 1
        self.tally.missed[late.window] += late.missed_windows
        self._push(LATE_CHANNEL, late.key, late.model_dump_json().encode(), cause)

    def _add_prediction(self, said: Prediction, partition: int, cause: Cause) -> None:
        payload = said.model_dump_json().encode()
        message = Message(said.key.encode(), payload, traced(cause.trace))
        self._records.setdefault((Outlet.PREDICTIONS, partition), []).append(message)
        self.tally.predictions[said.prediction] += 1
        self._push(prediction_channel(said.prediction), said.key, payload, cause)

    def _add_rejected(self, rejected: Rejected, cause: Cause, at_ms: int) -> None:
        letter = rejected.letter
        # The consumer's records; the pipeline itself asks for their values only.
        record = cast("Record", rejected.records.record(rejected.index))
        stored = letter_of(
            record,
            error=letter.error,
            message=letter.message,
            at_ms=at_ms,
            prediction=letter.prediction,
        )
        message = Message(stored.key, stored.value, tuple(stored.written_headers()))
        place = (Outlet.DEAD_LETTERS, letter.partition)
        self._records.setdefault(place, []).append(message)
        self.tally.letters[letter.error] += 1
        payload = letter.model_dump_json().encode()
        self._push(DEAD_LETTER_CHANNEL, None, payload, cause)

    def _push(
        self, channel: str, key: str | None, payload: bytes, cause: Cause
    ) -> None:
        messages = self._messages.setdefault(channel, _Messages())
        messages.keys.append(key)
        messages.payloads.append(payload)
        messages.causes.append((cause, 1))
