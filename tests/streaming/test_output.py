"""Results and dead letters reach a real node in order; refusals are told."""

import asyncio
import uuid

import pytest

from analytics_platform.adapters.brokers import Broker
from analytics_platform.adapters.kafka_broker import KafkaBroker
from analytics_platform.adapters.topic import DeliveryFailed, OutgoingRecord, Topics
from analytics_platform.adapters.topic_reading import TopicRecord, read_ranges
from analytics_platform.core.dead_letters import (
    DeadLetter,
    dead_letter_topic,
    replays_of,
)
from analytics_platform.errors import Unavailable
from streaming.output import Output, letter_of
from streaming.records import Record, TopicPartition

pytestmark = pytest.mark.system


@pytest.fixture
def broker(kafka: KafkaBroker) -> Broker:
    return Broker.configured(kafka.bootstrap)


@pytest.fixture
def topic(broker: Broker) -> str:
    name = f"results-{uuid.uuid4().hex[:8]}"
    Topics(broker).create(name, 2)
    Topics(broker).create_dead_letters(name)
    return name


def read_all(broker: Broker, topic: str) -> list[TopicRecord]:
    bounds = Topics(broker).bounds(topic)
    return [record for batch in read_ranges(broker, topic, bounds) for record in batch]


def test_results_of_a_key_stay_in_order(broker: Broker, topic: str) -> None:
    sent = [OutgoingRecord(b"%d" % n, b"key-%d" % (n % 7)) for n in range(5_000)]

    async def steps() -> None:
        output = Output(broker)
        await output.send(topic, sent)
        await output.flush()
        output.close()

    asyncio.run(steps())
    found = read_all(broker, topic)
    assert {record.partition for record in found} == {0, 1}
    for key in {record.key for record in sent}:
        expected = [record.value for record in sent if record.key == key]
        assert [record.value for record in found if record.key == key] == expected


def test_dead_letters_are_there_when_the_call_returns(
    broker: Broker, topic: str
) -> None:
    letters = [
        DeadLetter(topic, 0, n, b"key", b"b" * 2_000_000, (), "InvalidData", "no", 5)
        for n in range(3)  # larger than a topic takes by default
    ]

    async def steps() -> list[TopicRecord]:
        output = Output(broker)
        await output.put_away(letters)
        found = read_all(broker, dead_letter_topic(topic))
        output.close()
        return found

    found = asyncio.run(steps())
    assert [DeadLetter.read(r.key, r.value, r.headers) for r in found] == letters


def test_a_letter_counts_how_often_its_record_was_sent_again() -> None:
    headers = (("traceparent", b"00"), ("dead_letter.replays", b"2"))
    record = Record(TopicPartition("t", 3), 9, 1_000, b"key", None, headers)
    letter = letter_of(record, error="empty", message="no value", at_ms=7)
    assert (letter.origin, letter.value, letter.replays) == (("t", 3, 9), None, 2)
    assert replays_of(letter.replay_headers()) == 3
    assert letter.replay_headers()[0] == ("traceparent", b"00")


def test_a_refusal_is_told(broker: Broker, topic: str) -> None:
    async def steps() -> None:
        output = Output(broker)
        await output.send(topic, [OutgoingRecord(b"x" * 2_000_000)])
        with pytest.raises(DeliveryFailed, match="1 record"):
            await output.flush()
        output.close()

    asyncio.run(steps())


def test_an_end_is_not_held_up_by_a_broker_that_is_away() -> None:
    async def steps() -> None:
        output = Output(Broker.configured("127.0.0.1:1"))
        await output.send("t", [OutgoingRecord(b"x")])
        with pytest.raises(Unavailable, match="1 record"):
            await output.flush(0.6)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await output.flush()
        output.close()

    asyncio.run(steps())
