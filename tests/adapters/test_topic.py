"""Topics on a real Kafka node: created, written, read by ranges of offsets."""

import uuid
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from analytics_platform.adapters.brokers import Broker
from analytics_platform.adapters.kafka_broker import KafkaBroker
from analytics_platform.adapters.topic import (
    DeliveryFailed,
    OutgoingRecord,
    Topics,
    TopicWriter,
)
from analytics_platform.adapters.topic_reading import (
    OffsetRange,
    OffsetsGone,
    TopicRecord,
    read_ranges,
)
from analytics_platform.core.dead_letters import DeadLetter, dead_letter_topic
from analytics_platform.errors import Conflict, InvalidUsage, NotFound

pytestmark = pytest.mark.system


@pytest.fixture
def broker(kafka: KafkaBroker) -> Broker:
    return Broker.configured(kafka.bootstrap)


@pytest.fixture
def topic() -> str:
    return f"events-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def writer(broker: Broker) -> Iterator[TopicWriter]:
    made = TopicWriter(broker)
    yield made
    made.close()


def read_all(broker: Broker, topic: str) -> list[TopicRecord]:
    bounds = Topics(broker).bounds(topic)
    return [record for batch in read_ranges(broker, topic, bounds) for record in batch]


def test_a_topic_is_created_once_and_keeps_its_partitions(
    broker: Broker, topic: str
) -> None:
    topics = Topics(broker)
    assert topics.partitions(topic) is None
    assert topics.create(topic, 3)
    assert not topics.create(topic, 3)
    assert topics.partitions(topic) == 3
    with pytest.raises(Conflict):
        topics.create(topic, 4)
    with pytest.raises(NotFound):
        topics.bounds("no-such-topic")


def test_records_come_back_as_they_were_written(
    broker: Broker, topic: str, writer: TopicWriter
) -> None:
    Topics(broker).create(topic, 2)
    headers = (("traceparent", b"00-1-2-01"), ("empty", None))
    sent = [
        OutgoingRecord(b"one", b"a", headers, timestamp_ms=1_000, partition=0),
        OutgoingRecord(None, b"b", timestamp_ms=2_000, partition=0),
        OutgoingRecord(b"", None, timestamp_ms=3_000, partition=1),
    ]
    assert writer.send_all(topic, sent) == 3
    writer.flush()
    found = sorted(read_all(broker, topic), key=lambda r: r.timestamp_ms)
    assert [(r.partition, r.offset) for r in found] == [(0, 0), (0, 1), (1, 0)]
    assert [(r.value, r.key, r.headers) for r in found] == [
        (record.value, record.key, record.headers) for record in sent
    ]


def test_a_range_holds_exactly_its_offsets(
    broker: Broker, topic: str, writer: TopicWriter
) -> None:
    Topics(broker).create(topic, 1)
    writer.send_all(topic, [OutgoingRecord(b"%d" % n) for n in range(25_000)])
    writer.flush()
    ranges = {0: OffsetRange(7, 20_003)}
    found = [r.offset for batch in read_ranges(broker, topic, ranges) for r in batch]
    assert found == list(range(7, 20_003))
    assert list(read_ranges(broker, topic, {0: OffsetRange(5, 5)})) == []
    with pytest.raises(InvalidUsage):
        list(read_ranges(broker, topic, {0: OffsetRange(24_000, 25_001)}))


def test_aborted_transactions_are_not_read_and_open_ones_end_the_log(
    broker: Broker, topic: str
) -> None:
    Topics(broker).create(topic, 1)
    producer = Producer(
        {"bootstrap.servers": broker.bootstrap, "transactional.id": topic}
    )
    producer.init_transactions(10)
    for value in (b"aborted", b"committed", b"open"):
        producer.begin_transaction()
        producer.produce(topic, value)
        producer.flush(10)
        if value == b"aborted":
            producer.abort_transaction(10)
        if value == b"committed":
            producer.commit_transaction(10)
    assert Topics(broker).bounds(topic) == {0: OffsetRange(0, 4)}
    assert [record.value for record in read_all(broker, topic)] == [b"committed"]
    producer.abort_transaction(10)


def test_deleted_records_are_missed(
    broker: Broker, topic: str, writer: TopicWriter
) -> None:
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient

    Topics(broker).create(topic, 1)
    writer.send_all(topic, [OutgoingRecord(b"x")] * 10)
    writer.flush()
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    for done in admin.delete_records([TopicPartition(topic, 0, 6)]).values():
        done.result(10)
    with pytest.raises(OffsetsGone, match="begins at 6"):
        list(read_ranges(broker, topic, {0: OffsetRange(5, 10)}))


def test_offsets_are_committed_for_a_group(broker: Broker, topic: str) -> None:
    topics = Topics(broker)
    topics.create(topic, 2)
    assert topics.committed(topic, "loader") == {}
    topics.commit(topic, "loader", {1: 17})
    assert topics.committed(topic, "loader") == {1: 17}


def test_what_is_too_large_is_a_failed_delivery(
    broker: Broker, topic: str, writer: TopicWriter
) -> None:
    Topics(broker).create(topic, 1, config={"max.message.bytes": "1000"})
    writer.send(topic, OutgoingRecord(b"x" * 5_000))
    with pytest.raises(DeliveryFailed, match="1 record"):
        writer.flush()
    writer.flush()


def test_a_dead_letter_keeps_the_record_whole(
    broker: Broker, topic: str, writer: TopicWriter
) -> None:
    letter = DeadLetter(
        topic=topic,
        partition=3,
        offset=99,
        key=b"\xff",
        value=b"\x00not json",
        headers=(("traceparent", b"00"), ("traceparent", None)),
        error="InvalidData",
        message="not an object",
        at_ms=5,
    )
    Topics(broker).create(dead_letter_topic(topic), 1)
    writer.send_dead_letter(letter)
    writer.flush()
    (found,) = read_all(broker, dead_letter_topic(topic))
    assert DeadLetter.read(found.key, found.value, found.headers) == letter


def test_the_cluster_has_an_id(broker: Broker) -> None:
    assert len(Topics(broker).cluster_id()) == 22
    assert Topics(broker).cluster_id() == Topics(broker).cluster_id()


def test_sending_is_paced(broker: Broker, topic: str, writer: TopicWriter) -> None:
    Topics(broker).create(topic, 1)
    asked: list[int] = []

    def pace(sent: int) -> float:
        asked.append(sent)
        return 0.0

    writer.send_all(topic, [OutgoingRecord(b"x")] * 3, pace=pace)
    writer.flush()
    writer.poll()
    assert asked == [1, 2, 3]
    assert writer.underway == 0
