"""Models at work in a sidecar: one that fails on an event, one that takes over."""

import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from analytics_platform.adapters.brokers import Broker
from analytics_platform.adapters.control_store.engine import open_engine
from analytics_platform.adapters.dead_letters import DeadLetters, StoredLetter
from analytics_platform.adapters.kafka_broker import KafkaBroker
from analytics_platform.adapters.prediction_log import PredictionLog
from analytics_platform.contracts.messages import Prediction
from streaming.event_batch import HANDLER_ERROR
from tests.domains import readings as domain
from tests.domains.predicted_readings import PREDICTION
from tests.support.commands import Commands
from tests.support.level_models import release_doubling, release_rooting
from tests.support.live_sidecar import (
    LiveTopic,
    copied_home,
    has_ended,
    have_all,
    is_at_work,
)
from tests.support.readings import Reading
from tests.support.stream_homes import make_stream_home

pytestmark = pytest.mark.system

COUNT = 300


@pytest.fixture
def topic(kafka: KafkaBroker, tmp_path: Path) -> Iterator[LiveTopic]:
    """A new topic, and a home with published metrics for its sidecar."""
    made = tmp_path / "made"
    make_stream_home(made, domain.semantic_manifest())
    home = copied_home(made, tmp_path / "home")
    with closing(LiveTopic(Broker.configured(kafka.bootstrap), home)) as found:
        yield found


def test_a_prediction_that_failed_is_made_again_once_and_its_event_counts_once(
    topic: LiveTopic,
) -> None:
    topic.send(1, COUNT)
    highest, limit = the_highest(topic)
    release_rooting(topic.home, "v1", limit)
    name = {"ANALYTICS_DOMAIN": "tests.domains.predicted_readings"}
    commands = Commands(topic.home, topic.variables(**name))
    with topic.sidecar(**name) as sidecar:
        sidecar.wait_for(lambda: is_at_work(sidecar), 60)
        sidecar.wait_for(lambda: len(sent(topic)) == COUNT - 1, 60)
        sidecar.wait_for(lambda: topic.outputs("dead_letters"), 20)
        (letter,) = [one.letter for one in waiting(topic)]
        assert (letter.error, letter.prediction) == (HANDLER_ERROR, PREDICTION.name)
        assert letter.value == highest.value
        release_doubling(topic.home, "v2", before="v1")

        again = commands.run("dlq", "replay", topic.topic, "--all")

        assert again.code == 0, again.end
        assert "Predicted 1 event(s) again." in again.text
        assert waiting(topic) == []
        for found in (sent(topic, highest), logged(topic, highest)):
            (one,) = found
            assert (one.version, one.value) == ("v2", 2 * highest.level)
        topic.end()
        assert have_all(topic, has_ended(sidecar)) == topic.reference()
        sidecar.process.send_signal(signal.SIGTERM)
        assert sidecar.ended(30).code == 0, sidecar.text
    assert len(topic.records(topic.topic)) == sum(map(len, topic.sent))
    listed = commands.run("dlq", "list", topic.topic)
    assert f"No dead letters of {topic.topic} wait." in listed.text
    assert len(sent(topic, highest)) == len(logged(topic, highest)) == 1


def test_a_release_that_moves_predicts_from_then_on_without_a_restart(
    topic: LiveTopic,
) -> None:
    release_rooting(topic.home, "v1", 1_000.0)
    with topic.sidecar(ANALYTICS_DOMAIN="tests.domains.predicted_readings") as sidecar:
        sidecar.wait_for(lambda: is_at_work(sidecar), 60)
        topic.send(1, COUNT)
        sidecar.wait_for(lambda: len(sent(topic)) == COUNT, 60)
        assert {one.version for one in sent(topic)} == {"v1"}
        release_doubling(topic.home, "v2", before="v1")

        def moved() -> bool:
            topic.send(2, 10)
            return sent(topic)[-1].version == "v2"

        sidecar.wait_for(moved, 60)
        sidecar.wait_for(lambda: len(sent(topic)) == sum(map(len, topic.sent)), 60)
        known = {one.event_id for one in sent(topic)}
        topic.send(3, COUNT)
        sidecar.wait_for(lambda: len(sent(topic)) == sum(map(len, topic.sent)), 60)
        newest = [one for one in sent(topic) if one.event_id not in known]
    levels = {event_id(one): one.level for log in topic.sent for one in log}
    assert len(newest) == COUNT
    assert {one.version for one in newest} == {"v2"}
    assert all(one.value == 2 * levels[one.event_id] for one in newest)


def the_highest(topic: LiveTopic) -> tuple[Reading, float]:
    """The one reading with the highest level, and the level of the next."""
    some = sorted((one for log in topic.sent for one in log), key=lambda it: it.level)
    assert some[-1].level > some[-2].level
    return some[-1], some[-2].level


def waiting(topic: LiveTopic) -> list[StoredLetter]:
    """The letters that were not dealt with yet."""
    letters = DeadLetters(topic.broker, topic.topic).letters()
    return [one for one in letters if not one.replayed]


def sent(topic: LiveTopic, of: Reading | None = None) -> list[Prediction]:
    """What is in the topic of predictions, of one reading or of all."""
    values = [one.value or b"" for one in topic.outputs("predictions")]
    found = map(Prediction.model_validate_json, values)
    return [one for one in found if of is None or one.event_id == event_id(of)]


def logged(topic: LiveTopic, of: Reading) -> list[Prediction]:
    """What the prediction log has of a reading."""
    engine = open_engine(topic.control_store_url)
    found = PredictionLog(engine).of_event(event_id(of))
    engine.dispose()
    return [one.prediction for one in found]


def event_id(of: Reading) -> str:
    """Its event's id."""
    return f"reading-{of.number:012}"
