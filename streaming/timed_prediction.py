"""Measures how long predictions take, around whatever makes them."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from analytics_platform.contracts.messages import Prediction
from streaming.careful_prediction import Predictor
from streaming.decoding import Columns

Observed = Callable[[str, float], None]
"""Is told a model's name and the seconds that one call of it took."""


@dataclass(frozen=True)
class TimedPredictor:
    """A predictor whose calls are told; those without a prediction are not."""

    model: str
    inner: Predictor
    observed: Observed

    @property
    def name(self) -> str:
        """The prediction's name."""
        return self.inner.name

    @property
    def kind(self) -> str:
        """The kind of events that it predicts for."""
        return self.inner.kind

    @property
    def fields(self) -> frozenset[str]:
        """The fields that it reads."""
        return self.inner.fields

    def predict(self, events: Columns) -> list[Prediction]:
        """What the predictor gives."""
        started = time.perf_counter()
        found = self.inner.predict(events)
        if found:
            self.observed(self.model, time.perf_counter() - started)
        return found
