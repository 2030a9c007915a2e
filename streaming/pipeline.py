"""From the records of one topic to windows, late events, predictions, dead letters.

Synchronous, without input or output: it is given records and the time, and gives back
everything that must be committed, sent and counted.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from analytics_platform.contracts.messages import LateEvent, Prediction
from analytics_platform.contracts.streams import EventStream
from streaming.careful_prediction import CarefulPredictor, Predictor
from streaming.causes import Position
from streaming.decoding import Decoder
from streaming.event_batch import (
    HANDLER_ERROR,
    EventBatch,
    PartitionRecords,
    Rejected,
    decode_polled,
)
from streaming.keys import KeyTable
from streaming.window_stage import Passed, WindowRows, WindowStage


@dataclass
class Output:
    """Everything that came of some records; `next_offsets` is by partition.

    `windows` are in order of emission within each window and partition. `rejected` has
    each record once for each kind of fault. `prediction_causes` are the records of the
    events of `predictions`, one by one. `unpredicted` counts the events that a
    broken predictor was not asked about, by prediction; those that it fails on one by
    one are rejected instead.
    """

    events: int = 0
    next_offsets: dict[int, int] = field(default_factory=dict)
    windows: list[WindowRows] = field(default_factory=list)
    late: list[LateEvent] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    predictions: list[Prediction] = field(default_factory=list)
    prediction_causes: list[Position] = field(default_factory=list)
    unpredicted: Counter[str] = field(default_factory=Counter)

    def add(self, passed: Passed) -> None:
        """Take in what a live window gave."""
        self.windows += passed.rows
        self.late += passed.late
        self.rejected += passed.rejected


class Pipeline:
    """The live windows and predictions of one topic, over its assigned partitions."""

    def __init__(
        self,
        stream: EventStream,
        topic: str,
        windows: Sequence[WindowStage],
        predictors: Sequence[Predictor] = (),
    ) -> None:
        """All windows have the topic's key."""
        self._key = next(one.key for one in stream.topics if one.name == topic)
        self.windows = tuple(windows)
        self._predictors = [CarefulPredictor(one) for one in predictors]
        fields = {self._key}.union(
            *(one.window.fields for one in windows), *(one.fields for one in predictors)
        )
        self._decoder = Decoder(stream, fields)
        self.keys = KeyTable()

    def assign(self, partitions: Collection[int]) -> None:
        """Take partitions, without state so far."""
        for stage in self.windows:
            stage.engine.assign(partitions)

    def revoke(self, partitions: Collection[int]) -> None:
        """Forget partitions and all that is kept of them."""
        for stage in self.windows:
            stage.engine.revoke(partitions)
        self.keys.forget(partitions)

    def process(self, polled: Sequence[PartitionRecords], now_ms: int) -> Output:
        """Take the records of one poll; `now_ms` is the platform's time."""
        batch, bad = decode_polled(polled, self._decoder, self.keys, self._key)
        output = Output(events=len(batch), rejected=bad)
        for records in polled:
            output.next_offsets[records.where[1]] = records.next_offset
        kinds = batch.by_kind() if len(batch) else {}
        for stage in self.windows:
            events = kinds.get(stage.window.declared.kind)
            if events is None:
                output.add(stage.tick(self.keys, now_ms))
            else:
                output.add(stage.add(events, self.keys, now_ms))
        for predictor in self._predictors:
            if predictor.kind in kinds:
                _predict(predictor, kinds[predictor.kind], output)
        output.rejected = _once_each(output.rejected)
        return output

    def expect(self, partitions: Collection[int], now_ms: int) -> None:
        """Let no silence of assigned partitions count: they have records to be read."""
        for stage in self.windows:
            stage.engine.resume(now_ms, sorted(partitions))

    def tick(self, now_ms: int) -> Output:
        """Let time pass without records."""
        return self._collected([one.tick(self.keys, now_ms) for one in self.windows])

    def flush(self) -> Output:
        """Close every window, as at the end of a stream that has one."""
        return self._collected([one.flush(self.keys) for one in self.windows])

    def _collected(self, passed: Sequence[Passed]) -> Output:
        output = Output()
        for one in passed:
            output.add(one)
        return output


def _predict(predictor: CarefulPredictor, events: EventBatch, output: Output) -> None:
    asked = predictor.ask(events.columns)
    if asked.predictions:
        output.predictions += asked.predictions
        output.prediction_causes += map(
            Position,
            events.partition[asked.places].tolist(),
            events.offset[asked.places].tolist(),
        )
    for place, message in asked.failed:
        found = events.rejected(place, HANDLER_ERROR, message)
        letter = found.letter.model_copy(update={"prediction": predictor.name})
        output.rejected.append(replace(found, letter=letter))
    if asked.skipped:
        output.unpredicted[predictor.name] += asked.skipped


def _once_each(rejected: Sequence[Rejected]) -> list[Rejected]:
    """The first of those that name the same record and fault."""
    found: dict[tuple[int, int, str, str | None], Rejected] = {}
    for one in rejected:
        letter = one.letter
        fault = (letter.error, letter.prediction)
        found.setdefault((letter.partition, letter.offset, *fault), one)
    return list(found.values())
