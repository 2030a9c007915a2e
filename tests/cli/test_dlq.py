"""`analytics dlq` and `analytics broker` as a user types them, on a real node."""

import base64
import json
import uuid
from pathlib import Path

import pytest
from typer.testing import CliRunner

from analytics_platform.adapters.brokers import Broker
from analytics_platform.adapters.kafka_broker import KafkaBroker
from analytics_platform.adapters.topic import Topics, TopicWriter
from analytics_platform.adapters.topic_reading import TopicRecord, read_ranges
from analytics_platform.cli import broker as broker_commands
from analytics_platform.cli import dlq
from analytics_platform.core.dead_letters import (
    DeadLetter,
    dead_letter_topic,
    replays_of,
)
from analytics_platform.errors import InvalidUsage, NotFound

pytestmark = pytest.mark.system

VALUE = b"\x00\xff not json"


def run(app: object, *arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)  # type: ignore[arg-type]
    assert result.exit_code == 0, result.output
    return result.stdout


class Stream:
    def __init__(self, bootstrap: str) -> None:
        self.broker = Broker.configured(bootstrap)
        self.topic = f"events-{uuid.uuid4().hex[:8]}"
        Topics(self.broker).create(self.topic, 1)
        Topics(self.broker).create(dead_letter_topic(self.topic), 1)

    def put_away(self, *offsets: int) -> None:
        writer = TopicWriter(self.broker)
        for offset in offsets:
            writer.send_dead_letter(
                DeadLetter(
                    topic=self.topic,
                    partition=0,
                    offset=offset,
                    key=b"key",
                    value=VALUE,
                    headers=(("traceparent", b"00-1"),),
                    error="InvalidData",
                    message="not an object",
                    at_ms=1_357_000_000_000,
                )
            )
        writer.flush()
        writer.close()

    def records(self) -> list[TopicRecord]:
        bounds = Topics(self.broker).bounds(self.topic)
        return [r for b in read_ranges(self.broker, self.topic, bounds) for r in b]


@pytest.fixture
def stream(
    kafka: KafkaBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Stream:
    monkeypatch.setenv("ANALYTICS_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("ANALYTICS_STREAMING__BROKERS", kafka.bootstrap)
    return Stream(kafka.bootstrap)


def test_dead_letters_are_listed_with_their_story(stream: Stream) -> None:
    assert "No dead letters" in run(dlq.app, "list", stream.topic)
    stream.put_away(7, 8, 7)  # 7 was written twice
    text = run(dlq.app, "list", stream.topic, "--limit", "1")
    assert "0-0  2013-01-01T00:26:40+00:00  InvalidData: not an object" in text
    assert f"from {stream.topic}, partition 0, at 7" in text
    assert r"b'\x00\xff not json'" in text
    assert "at 8" not in text
    assert "2 dead letter(s): 2 InvalidData." in text
    (first, second) = run(dlq.app, "list", stream.topic, "--json").splitlines()
    told = json.loads(first)
    assert base64.b64decode(told["value_base64"]) == VALUE
    assert (told["id"], told["offset"], json.loads(second)["offset"]) == ("0-0", 7, 8)


def test_a_record_is_sent_again_once_and_byte_for_byte(stream: Stream) -> None:
    stream.put_away(7, 8, 9)
    assert "Sent 1 record" in run(dlq.app, "replay", stream.topic, "0-1")
    assert "Sent 2 record" in run(dlq.app, "replay", stream.topic, "--all")
    assert "Sent 0 record" in run(dlq.app, "replay", stream.topic, "--all")
    found = stream.records()
    assert [(r.value, r.key, replays_of(r.headers)) for r in found] == [
        (VALUE, b"key", 1)
    ] * 3
    assert found[0].headers[0] == ("traceparent", b"00-1")
    assert "No dead letters" in run(dlq.app, "list", stream.topic)
    assert "(replayed)" in run(dlq.app, "list", stream.topic, "--all")


def test_an_unknown_letter_sends_nothing(stream: Stream) -> None:
    stream.put_away(7)
    with pytest.raises(NotFound, match="no letter 0-9"):
        run(dlq.app, "replay", stream.topic, "0-0", "0-9")
    assert stream.records() == []


@pytest.mark.parametrize("arguments", [[], ["0-0", "--all"]])
def test_what_to_replay_has_to_be_said(stream: Stream, arguments: list[str]) -> None:
    with pytest.raises(InvalidUsage):
        run(dlq.app, "replay", stream.topic, *arguments)


def test_the_broker_says_where_it_is(stream: Stream) -> None:
    text = run(broker_commands.app, "status")
    assert text == f"The configured broker answers at {stream.broker.bootstrap}.\n"
    with pytest.raises(InvalidUsage, match="configured"):
        run(broker_commands.app, "run")
