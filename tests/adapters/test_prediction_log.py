"""The log of predictions, on SQLite."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from analytics_platform.adapters.control_store.engine import open_engine
from analytics_platform.adapters.control_store.migrations import migrate
from analytics_platform.adapters.prediction_log import PredictionLog
from analytics_platform.contracts.messages import Prediction

AT = datetime(2024, 3, 1, 12, tzinfo=UTC)


def prediction(number: int, *, version: str = "v1") -> Prediction:
    return Prediction(
        prediction_id=f"{version}-{number}",
        prediction="delay_at_departure",
        model="delay",
        version=version,
        snapshot="s1",
        event_id=f"event-{number}",
        key="JFK",
        event_ms=1_383_000_000_000 + number,
        value=number / 3,
        unit="minutes",
        features_sha256="0" * 64,
    )


@pytest.fixture
def log(tmp_path: Path) -> PredictionLog:
    url = f"sqlite:///{tmp_path / 'control.sqlite'}"
    migrate(url)
    return PredictionLog(open_engine(url))


def test_what_is_logged_is_read_back_as_it_was(log: PredictionLog) -> None:
    made = [prediction(number) for number in range(3)]
    assert log.append(made, AT) == 3
    found = list(log.read("delay", AT, AT + timedelta(seconds=1)))
    assert [one.prediction for one in found] == made
    assert {one.at for one in found} == {AT}


def test_the_same_prediction_is_there_once_and_keeps_its_first_instant(
    log: PredictionLog,
) -> None:
    log.append([prediction(1), prediction(1)], AT)
    assert log.append([prediction(1), prediction(2)], AT + timedelta(hours=1)) == 1
    assert log.count() == 2
    assert [one.at for one in log.of_event("event-1")] == [AT]


def test_each_version_has_its_own_prediction_of_an_event(log: PredictionLog) -> None:
    log.append([prediction(1)], AT)
    log.append([prediction(1, version="v2")], AT + timedelta(hours=1))
    versions = [one.prediction.version for one in log.of_event("event-1")]
    assert versions == ["v1", "v2"]


def test_more_rows_than_a_statement_takes_are_logged(log: PredictionLog) -> None:
    assert log.append([prediction(number) for number in range(5_001)], AT) == 5_001


def test_the_end_of_a_period_is_not_in_it(log: PredictionLog) -> None:
    log.append([prediction(1)], AT)
    assert list(log.read("delay", AT - timedelta(hours=1), AT)) == []
    assert list(log.read("other", AT, AT + timedelta(hours=1))) == []


def test_pruning_leaves_what_is_younger(log: PredictionLog) -> None:
    log.append([prediction(1)], AT)
    log.append([prediction(2)], AT + timedelta(days=1))
    assert log.prune(AT + timedelta(hours=1)) == 1
    assert log.of_event("event-2") != []


def test_nothing_logged_is_nothing_added(log: PredictionLog) -> None:
    assert log.append([], AT) == 0
