"""Events whose prediction failed, predicted by what is released now."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from analytics_platform.adapters.dead_letters import StoredLetter
from analytics_platform.adapters.topic import OutgoingRecord
from analytics_platform.contracts.messages import Prediction
from analytics_platform.core.dead_letters import DeadLetter
from streaming import late_predictions
from streaming.decoding import Columns
from streaming.late_predictions import Again, hand_on, predict_again
from streaming.live_inputs import InputPlan
from tests.domains.toy import DOMAIN as TOY
from tests.streaming.test_careful_prediction import said

AT = datetime(2024, 1, 1, tzinfo=UTC)
VALUE = (
    b'{"ride_event":"4-out","what":"rented","at":5,"rental_key":4,"station_code":"DOK"}'
)


@dataclass
class Model:
    """Says the number of an event, if it is not refused."""

    plan: InputPlan = field(
        default_factory=lambda: InputPlan.of(TOY, TOY.live_predictions[0])
    )
    refuses: bool = False
    released: bool = True

    @property
    def name(self) -> str:
        return self.plan.prediction.name

    @property
    def fields(self) -> frozenset[str]:
        return frozenset({"rental_key"})

    def predict(self, events: Columns) -> list[Prediction]:
        if self.refuses:
            raise ValueError("never")
        return [said(n) for n in events.items("rental_key")] if self.released else []


def stored(number: int, **changes: Any) -> StoredLetter:
    letter = DeadLetter(
        topic="rides",
        partition=0,
        offset=number,
        key=b"DOK",
        value=VALUE,
        headers=(),
        error="handler_error",
        message="ValueError: never",
        at_ms=1,
        prediction=TOY.live_predictions[0].name,
    )
    return StoredLetter(f"0-{number}", replace(letter, **changes), replayed=False)


def again(*letters: StoredLetter, **model: Any) -> Again:
    made: Any = Model(**model)
    return predict_again(letters, [made])


def test_events_are_predicted_from_the_bytes_that_were_set_aside() -> None:
    found = again(stored(1), stored(2, value=VALUE.replace(b"4", b"9")))
    assert [one.value for one in found.predictions] == [4, 9]
    assert [one.id for one in found.done] == ["0-1", "0-2"]
    assert found.failing == ()


@pytest.mark.parametrize(
    ("changes", "model", "reason"),
    [
        ({}, {"refuses": True}, "ValueError: never"),
        ({}, {"released": False}, "is released"),
        ({"prediction": "gone"}, {}, "declares no prediction 'gone'"),
        ({"value": b"{"}, {}, "truncated"),
    ],
)
def test_what_fails_still_is_left_with_its_reason(
    changes: dict[str, Any], model: dict[str, Any], reason: str
) -> None:
    found = again(stored(1, **changes), **model)
    assert (found.done, found.predictions) == ((), ())
    (one,) = found.failing
    assert one.stored.id == "0-1"
    assert reason in one.reason


def test_they_go_where_other_predictions_are(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, OutgoingRecord]] = []
    logged: list[Prediction] = []

    class Writer:
        def __init__(self, _broker: object) -> None:
            pass

        def send(self, topic: str, record: OutgoingRecord) -> None:
            assert logged  # first of all the log has it
            sent.append((topic, record))

        def flush(self) -> None:
            pass

        close = flush

    class Log:
        def append(self, made: Any, at: datetime) -> None:
            assert at == AT
            logged.extend(made)

    class Now:
        def now(self) -> datetime:
            return AT

    monkeypatch.setattr(late_predictions, "TopicWriter", Writer)
    nothing: Any = None
    log: Any = Log()
    trace = ("traceparent", f"00-{4:032x}-{2:016x}-01".encode())
    letters = [stored(1, headers=(trace,)), stored(2, headers=(("traceparent", b"?"),))]
    hand_on(again(*letters), nothing, log, Now())
    (topic, record), (_, other) = sent
    assert (record.headers, other.headers) == ((trace,), ())
    assert topic == "rides.predictions"
    assert record.key == b"k"
    assert Prediction.model_validate_json(record.value or b"") == logged[0]
