"""The released model: what is loaded when, what is refused, and what it predicts."""

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from analytics_platform.adapters.snapshots import SUBJECT
from analytics_platform.contracts.messages import Prediction
from analytics_platform.domains.flights import DOMAIN
from analytics_platform.errors import NotFound, Transient, Unavailable
from streaming.decoding import Columns, Decoder
from streaming.live_inputs import Floats, InputPlan
from streaming.live_model import LiveModel, Versions, _Loaded
from tests.support.raw_records import FakeRecords

PLAN = InputPlan.of(DOMAIN, DOMAIN.live_predictions[0])
STREAM = DOMAIN.streams[0]
MODEL = f"model/{PLAN.prediction.model}"


@dataclass
class Released:
    """A version that is current."""

    version: str


@dataclass
class Releases:
    """What is released, by subject."""

    versions: dict[str, str] = field(default_factory=dict)

    def current(self, subject: str) -> Released | None:
        found = self.versions.get(subject)
        return Released(found) if found else None


class Doubled:
    """A model that gives twice its only input."""

    unit = "minutes"

    @property
    def manifest(self) -> "Doubled":
        return self

    def predict(self, inputs: Floats) -> Any:
        return inputs[:, 0].astype(np.float64) * 2

    def matrix(self, events: Columns) -> Floats:
        found = events.values("distance_miles").data
        return found.astype(np.float32).reshape(-1, 1)


@dataclass
class Loading(LiveModel):
    """Loads by what `faults` says of the next versions; each load is noted."""

    releases: Releases = field(default_factory=Releases)
    faults: list[Exception | None] = field(default_factory=list)
    loads: list[Versions] = field(default_factory=list)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        nothing: Any = None
        released: Any = self.releases
        super().__init__(
            PLAN, nothing, released, nothing, monotonic=lambda: self.seconds
        )

    def _load(self, wanted: Versions) -> _Loaded:
        self.loads.append(wanted)
        fault = self.faults.pop(0) if self.faults else None
        if fault:
            raise fault
        model: Any = Doubled()
        return _Loaded(wanted, model, model)

    def release(self, model: str, snapshot: str) -> None:
        self.releases.versions = {MODEL: model, SUBJECT: snapshot}


def departures(*miles: int) -> Columns:
    names = [one.name for one in STREAM.fields]
    values = []
    for number, one in enumerate(miles):
        event: dict[str, object] = dict.fromkeys(names)
        for declared in STREAM.fields:
            if not declared.nullable:
                event[declared.name] = "EWR" if declared.type == "string" else 5
        kind = {STREAM.kind_field: PLAN.prediction.kind, STREAM.id_field: f"e{number}"}
        values.append(json.dumps({**event, **kind, "distance_miles": one}).encode())
    decoder = Decoder(STREAM, PLAN.fields)
    return decoder.columns(decoder.decode(FakeRecords(values)).events)


def test_nothing_is_predicted_before_a_model_and_a_snapshot_are_released() -> None:
    live = Loading()
    assert not live.refresh()
    live.releases.versions = {MODEL: "v1"}
    assert not live.refresh()
    assert (live.predict(departures(100)), live.versions) == ([], None)


def test_predictions_name_what_they_were_made_with() -> None:
    live = Loading()
    live.release("v1", "s1")
    assert live.refresh()
    first, second = live.predict(departures(100, 250))
    assert (first.value, second.value) == (200.0, 500.0)
    assert (first.event_id, first.version, first.snapshot) == ("e0", "v1", "s1")
    assert first.unit == "minutes"
    assert first.features_sha256 != second.features_sha256
    assert Prediction.model_validate_json(first.model_dump_json()) == first


def test_the_same_event_has_the_same_prediction_id_by_the_same_version() -> None:
    live = Loading()
    ids = []
    for model, snapshot in (("v1", "s1"), ("v1", "s2"), ("v2", "s2")):
        live.release(model, snapshot)
        assert live.refresh()
        (one,) = live.predict(departures(100))
        ids.append(one.prediction_id)
    assert ids[0] == ids[1] != ids[2]


def test_what_is_loaded_is_loaded_once() -> None:
    live = Loading()
    live.release("v1", "s1")
    assert [live.refresh(), live.refresh()] == [True, False]
    assert len(live.loads) == 1


def test_a_version_that_is_refused_leaves_the_one_before_until_the_release_moves() -> (
    None
):
    live = Loading()
    live.release("v1", "s1")
    live.refresh()
    live.faults = [NotFound("no table", hint="")]
    live.release("v2", "s1")
    for _ in range(3):
        assert not live.refresh()
        live.seconds += 1_000
    assert (len(live.loads), live.versions) == (2, Versions("v1", "s1"))
    live.release("v2", "s2")
    assert live.refresh()
    assert live.versions == Versions("v2", "s2")


@pytest.mark.parametrize(
    "fault", [OSError("read error"), ValueError("not a model"), FileNotFoundError()]
)
def test_what_fails_without_a_known_reason_is_tried_again_after_a_minute(
    fault: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    live = Loading(faults=[fault])
    live.release("v1", "s1")
    tried = []
    for _ in range(61):
        live.seconds += 1
        tried.append(live.refresh())
    assert tried == [False] * 60 + [True]
    assert len(live.loads) == 2
    assert capsys.readouterr().out.count("model_not_swapped") == 1


def test_stores_that_do_not_answer_are_the_callers_affair() -> None:
    live = Loading(faults=[Unavailable("away", hint="")])
    live.release("v1", "s1")
    with pytest.raises(Transient):
        live.refresh()
    assert live.refresh()


def test_names_come_from_the_declaration() -> None:
    live = Loading()
    assert (live.name, live.kind) == (PLAN.prediction.name, PLAN.prediction.kind)
    assert live.fields == PLAN.fields
