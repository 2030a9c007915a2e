"""Predictions of events that were set aside because a model failed on them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics_platform.adapters.brokers import Broker
from analytics_platform.adapters.dead_letters import StoredLetter
from analytics_platform.adapters.prediction_log import PredictionLog
from analytics_platform.adapters.topic import OutgoingRecord, TopicWriter
from analytics_platform.clock import Clock
from analytics_platform.contracts.messages import Prediction
from analytics_platform.core.traces import TRACEPARENT, valid_traceparent
from analytics_platform.errors import PlatformError
from streaming.careful_prediction import CarefulPredictor
from streaming.checkpoints.messages import traced
from streaming.decoding import Columns, Decoder
from streaming.live_model import LiveModel
from streaming.outgoing import Outlet


@dataclass(frozen=True)
class StillFailing:
    """A letter whose event cannot be predicted now either, and why."""

    stored: StoredLetter
    reason: str


@dataclass(frozen=True)
class Again:
    """What came of predicting again; predictions are those of `done`, one by one."""

    done: tuple[StoredLetter, ...]
    predictions: tuple[Prediction, ...]
    failing: tuple[StillFailing, ...]


def predict_again(
    letters: Iterable[StoredLetter], models: Sequence[LiveModel]
) -> Again:
    """Ask the models that are released now, event by event."""
    by_name = {one.name: one for one in models}
    done, predictions, failing = [], [], []
    for stored in letters:
        model = by_name.get(stored.letter.prediction or "")
        try:
            predictions.append(_predicted(stored, model))
        except PlatformError as error:
            failing.append(StillFailing(stored, error.message))
        else:
            done.append(stored)
    return Again(tuple(done), tuple(predictions), tuple(failing))


def hand_on(again: Again, broker: Broker, log: PredictionLog, clock: Clock) -> None:
    """Log the predictions, and send them to the topics where others like them are.

    A prediction has its id from its event, so that one made twice is logged once.
    """
    log.append(again.predictions, clock.now())
    writer = TopicWriter(broker)
    for stored, said in zip(again.done, again.predictions, strict=True):
        payload = said.model_dump_json().encode()
        topic = Outlet.PREDICTIONS.topic(stored.letter.topic)
        headers = traced(_trace_of(stored))
        writer.send(topic, OutgoingRecord(payload, said.key.encode(), headers))
    writer.flush()
    writer.close()


def _trace_of(stored: StoredLetter) -> str | None:
    return valid_traceparent(dict(stored.letter.headers).get(TRACEPARENT))


def _predicted(stored: StoredLetter, model: LiveModel | None) -> Prediction:
    if model is None:
        raise PlatformError(
            f"The domain declares no prediction {stored.letter.prediction!r}.",
            hint="Declare it, or leave the letter.",
        )
    asked = CarefulPredictor(model).ask(_event(stored, model))
    if asked.failed:
        raise PlatformError(asked.failed[0][1], hint="Release a model that takes it.")
    if not asked.predictions:
        raise PlatformError(
            f"No model {model.plan.prediction.model} is released.",
            hint="See `analytics models list`.",
        )
    return asked.predictions[0]


def _event(stored: StoredLetter, model: LiveModel) -> Columns:
    plan = model.plan
    stream = next(
        one for one in plan.domain.streams if one.name == plan.prediction.stream
    )
    decoder = Decoder(stream, model.fields)
    decoded = decoder.decode(_Alone(stored.letter.value))
    if decoded.bad:
        raise PlatformError(decoded.bad[0].message, hint="Leave the letter.")
    return decoder.columns(decoded.events)


@dataclass(frozen=True)
class _Alone:
    """A record without others."""

    value: bytes | None
    regular: bool = False

    @property
    def offsets(self) -> NDArray[np.int64]:
        return np.zeros(1, np.int64)

    @property
    def ndjson(self) -> NDArray[np.uint8]:
        return np.zeros(0, np.uint8)

    def record(self, _index: int) -> "_Alone":
        return self
