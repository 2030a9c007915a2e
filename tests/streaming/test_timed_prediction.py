"""Calls of a predictor are told with how long they took; empty ones are not."""

from typing import Any

from streaming.careful_prediction import Predictor
from streaming.timed_prediction import TimedPredictor


class Saying:
    """Gives what it is asked about."""

    name, kind, fields = "delay_at_start", "started", frozenset({"at"})

    def predict(self, events: Any) -> Any:
        return list(events)


def test_only_calls_that_predict_are_told() -> None:
    told: list[tuple[str, float]] = []
    inner: Predictor = Saying()
    timed = TimedPredictor("delay", inner, lambda *what: told.append(what))
    events: Any = ["one", "two"]
    nothing: Any = []
    assert len(timed.predict(events)) == 2
    assert timed.predict(nothing) == []
    ((model, seconds),) = told
    assert model == "delay"
    assert seconds >= 0


def test_it_is_otherwise_the_predictor() -> None:
    timed = TimedPredictor("delay", Saying(), lambda *_: None)
    assert timed.name == "delay_at_start"
    assert (timed.kind, timed.fields) == ("started", frozenset({"at"}))
