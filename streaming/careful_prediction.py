"""Asks a predictor about events, and singles out those that it fails on."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Protocol

from analytics_platform.contracts.messages import Prediction
from analytics_platform.observability import get_logger
from streaming.decoding import Columns
from streaming.event_batch import told

log = get_logger(__name__)


# At about a millisecond each the loop is held up for half a second at worst.
_MOST_CALLS = 500
_BROKEN_AFTER = 20


class Predictor(Protocol):
    """Makes predictions for events of one kind."""

    @property
    def name(self) -> str:
        """The prediction's name."""
        ...

    @property
    def kind(self) -> str:
        """The kind of events that it predicts for."""
        ...

    @property
    def fields(self) -> frozenset[str]:
        """The fields that it reads."""
        ...

    def predict(self, events: Columns) -> list[Prediction]:
        """Predictions for n events; none while there is no model."""
        ...


@dataclass
class Asked:
    """What came of asking about n events; places are from 0 to n - 1, rising.

    `failed` are places and what was wrong. `skipped` events were not asked about alone:
    it is the predictor that fails, or too many events did.
    """

    predictions: list[Prediction] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    failed: list[tuple[int, str]] = field(default_factory=list)
    skipped: int = 0


class CarefulPredictor:
    """One predictor, none of whose exceptions gets out.

    A batch that fails is halved until the events that it fails on are found; all others
    are predicted. When `_BROKEN_AFTER` events failed and none in between was predicted,
    the predictor is taken for broken: from then on it is asked twice a batch, and
    everything is skipped, until it takes an event again.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._failures = 0  # since the last event that was predicted
        self._skipped = 0
        self._known_errors: set[str] = set()

    @property
    def name(self) -> str:
        """The prediction's name."""
        return self._predictor.name

    @property
    def kind(self) -> str:
        """The kind of events that it predicts for."""
        return self._predictor.kind

    @property
    def fields(self) -> frozenset[str]:
        """The fields that it reads."""
        return self._predictor.fields

    @property
    def is_broken(self) -> bool:
        """Whether it fails on whatever it is asked about."""
        return self._failures >= _BROKEN_AFTER

    def ask(self, events: Columns) -> Asked:
        """Predictions for as many of the events as can be had."""
        asked = Asked()
        parts, calls = [range(len(events))], 0
        while parts and calls < _MOST_CALLS and not (self.is_broken and calls >= 2):
            part = parts.pop()
            calls += 1
            try:
                found = self._predicted(events, part)
            except Exception as error:  # noqa: BLE001 - a model may raise anything
                parts += self._narrow(asked, part, error)
            else:
                self._take(asked, part, found)
        asked.skipped += sum(map(len, parts))
        self._skipped += asked.skipped
        return asked

    def _narrow(self, asked: Asked, part: range, error: Exception) -> list[range]:
        """What is to be asked about instead of a part, the last first."""
        if len(part) > 1:
            first = 1 if self.is_broken else len(part) // 2
            return [part[first:], part[:first]]
        if self.is_broken:
            asked.skipped += 1
        else:
            self._fail(asked, part.start, error)
        return []

    def _predicted(self, events: Columns, part: range) -> list[Prediction]:
        if len(part) < len(events):
            chosen = events.events[part.start : part.stop]
            events = events.decoder.columns(chosen)
        found = self._predictor.predict(events)
        if found and len(found) != len(part):
            raise ValueError(f"{len(found)} predictions of {len(part)} events")
        unusable = [one.value for one in found if not isfinite(one.value)]
        if unusable:
            raise ValueError(f"the prediction is {unusable[0]}")
        return found

    def _take(self, asked: Asked, part: range, found: Sequence[Prediction]) -> None:
        if not found:
            return
        if self.is_broken:
            log.info("predictor_works_again", name=self.name, skipped=self._skipped)
        self._failures = self._skipped = 0
        asked.predictions += found
        asked.places += part

    def _fail(self, asked: Asked, place: int, error: Exception) -> None:
        kind = type(error).__name__
        asked.failed.append((place, told(error)))
        if kind not in self._known_errors:
            self._known_errors.add(kind)
            log.warning("event_not_predicted", name=self.name, exc_info=error)
        self._failures += 1
        if self.is_broken:
            log.error("predictor_broken", name=self.name, error=f"{kind}: {error}")
