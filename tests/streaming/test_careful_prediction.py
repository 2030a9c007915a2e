"""Predictors that fail: on some events, on everything, on nothing any more."""

import json
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import pytest

from analytics_platform.contracts.messages import Prediction
from streaming.careful_prediction import Asked, CarefulPredictor
from streaming.decoding import Columns, Decoder
from tests.domains.toy.streams import RIDES
from tests.support.raw_records import FakeRecords

BROKEN_AFTER = 20  # failures in a row, as docs/streaming.md says
DECODER = Decoder(RIDES, {"rental_key"})


def rides(keys: Iterable[int]) -> Columns:
    """Events with these numbers."""
    values = [
        json.dumps(
            {
                "ride_event": f"{key}-out",
                "what": "rented",
                "at": key,
                "rental_key": key,
                "station_code": "DOK",
            }
        ).encode()
        for key in keys
    ]
    return DECODER.columns(DECODER.decode(FakeRecords(values)).events)


@dataclass
class Picky:
    """Says the number of each event; raises if one of them is refused."""

    refuses: Callable[[int], bool] = lambda _: False
    name: str = "numbers"
    kind: str = "rented"
    fields: frozenset[str] = frozenset({"rental_key"})
    sizes: list[int] = field(default_factory=list)

    def predict(self, events: Columns) -> list[Prediction]:
        numbers = events.items("rental_key")
        self.sizes.append(len(numbers))
        bad = [number for number in numbers if self.refuses(number)]
        if bad:
            raise ValueError(f"cannot take {bad[0]}")
        return [said(number) for number in numbers]


def said(number: float) -> Prediction:
    return Prediction(
        prediction_id=str(number),
        prediction="numbers",
        model="m",
        version="v",
        snapshot=None,
        event_id=str(number),
        key="k",
        event_ms=0,
        value=number,
        unit=None,
        features_sha256="",
    )


def values(asked: Asked) -> list[float]:
    return [one.value for one in asked.predictions]


@pytest.mark.parametrize("seed", range(20))
def test_every_event_is_predicted_but_those_that_fail(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - test data
    keys = [chance.randrange(1_000) for _ in range(chance.randrange(1, 60))]
    bad = set(chance.sample(sorted(set(keys)), min(len(set(keys)), seed)))
    asked = CarefulPredictor(Picky(bad.__contains__)).ask(rides(keys))
    good = [place for place, key in enumerate(keys) if key not in bad]
    assert asked.places == good
    assert values(asked) == [keys[place] for place in good]
    assert asked.failed == [
        (place, f"ValueError: cannot take {key}")
        for place, key in enumerate(keys)
        if key in bad
    ]
    assert asked.skipped == 0


def test_a_batch_that_is_taken_is_asked_about_once() -> None:
    picky = Picky()
    CarefulPredictor(picky).ask(rides(range(50)))
    assert picky.sizes == [50]


def test_a_predictor_that_takes_nothing_sets_few_events_aside_and_skips_the_rest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    picky = Picky(lambda _: True)
    careful = CarefulPredictor(picky)
    asked = [careful.ask(rides(range(400))) for _ in range(3)]
    assert [place for place, _ in asked[0].failed] == list(range(BROKEN_AFTER))
    assert [one.skipped for one in asked] == [380, 400, 400]
    assert not any(one.predictions for one in asked)
    assert picky.sizes[-4:] == [400, 1, 400, 1]
    assert careful.is_broken
    printed = capsys.readouterr().out
    assert printed.count("predictor_broken") == 1
    assert printed.count("event_not_predicted") == 1


def test_single_events_that_fail_one_after_the_other_break_it_too() -> None:
    careful = CarefulPredictor(Picky(lambda _: True))
    asked = [careful.ask(rides([key])) for key in range(BROKEN_AFTER + 5)]
    assert sum(len(one.failed) for one in asked) == BROKEN_AFTER
    assert sum(one.skipped for one in asked) == 5


def test_a_broken_predictor_that_takes_an_event_again_is_asked_about_all(
    capsys: pytest.CaptureFixture[str],
) -> None:
    picky = Picky(lambda _: True)
    careful = CarefulPredictor(picky)
    careful.ask(rides(range(100)))
    picky.refuses = {207, 211}.__contains__
    asked = careful.ask(rides(range(200, 250)))
    assert len(asked.places) == 48
    assert [place for place, _ in asked.failed] == [7, 11]
    assert not careful.is_broken
    assert "predictor_works_again" in capsys.readouterr().out


def test_a_predictor_breaks_only_by_failures_in_a_row() -> None:
    careful = CarefulPredictor(Picky(lambda key: key % 10 != 0))
    asked = careful.ask(rides(range(100)))
    assert values(asked) == list(range(0, 100, 10))
    assert (len(asked.failed), asked.skipped) == (90, 0)


def test_there_is_a_limit_to_the_calls_for_one_batch() -> None:
    picky = Picky(lambda key: key % 2 == 0)
    asked = CarefulPredictor(picky).ask(rides(range(2_000)))
    assert len(picky.sizes) == 500
    found = len(asked.failed) + len(asked.places)
    assert asked.skipped == 2_000 - found > 0
    assert len(asked.places) > 100


class Odd(Picky):
    """Gives too few predictions, or what is no number."""

    def predict(self, events: Columns) -> list[Prediction]:
        numbers: Sequence[int] = events.items("rental_key")
        if len(numbers) > 1:
            return [said(number) for number in numbers[1:]]
        return [said(float("nan") if number == 3 else number) for number in numbers]


def test_predictions_that_are_none_are_failures() -> None:
    asked = CarefulPredictor(Odd()).ask(rides(range(5)))
    assert values(asked) == [0, 1, 2, 4]
    assert asked.failed == [(3, "ValueError: the prediction is nan")]


class Waiting(Picky):
    """Has no model yet."""

    def predict(self, _events: Columns) -> list[Prediction]:
        return []


def test_without_a_model_nothing_is_predicted_and_nothing_is_wrong() -> None:
    assert CarefulPredictor(Waiting()).ask(rides(range(5))) == Asked()
