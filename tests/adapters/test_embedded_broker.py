"""The embedded broker: what it does, what it cannot do, and that it says so."""

import asyncio
import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from analytics_platform.adapters.brokers import (
    EMBEDDED_LIMITS,
    Broker,
    BrokerKind,
    chosen_kind,
    find_broker,
    run_broker,
    running_broker,
    wait_until_ready,
)
from analytics_platform.adapters.embedded_broker import PARTITION_BYTES, EmbeddedBroker
from analytics_platform.adapters.topic import OutgoingRecord, Topics, TopicWriter
from analytics_platform.adapters.topic_reading import read_ranges
from analytics_platform.errors import Conflict, InvalidUsage, NotFound, Unavailable
from analytics_platform.settings import Settings, StreamingSettings
from streaming.membership import ConsumerOptions
from tests.support.stream_members import Member, OffsetTable

pytestmark = pytest.mark.system


def embedded_settings(home: Path) -> Settings:
    return Settings(home=home, streaming=StreamingSettings(kafka=home / "no-kafka"))


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    settings = embedded_settings(tmp_path_factory.mktemp("home"))
    with running_broker(settings) as started:
        yield started


def write(broker: Broker, topic: str, count: int, value: bytes = b"{}") -> None:
    writer = TopicWriter(broker)
    writer.send_all(topic, [OutgoingRecord(value, b"k", partition=0)] * count)
    writer.flush()
    writer.close()


@pytest.fixture
def topic(broker: Broker) -> str:
    name = f"events-{uuid.uuid4().hex[:8]}"
    assert Topics(broker).create(name, 3)
    return name


def test_topics_have_the_partitions_that_were_asked_for(
    broker: Broker, topic: str
) -> None:
    topics = Topics(broker)
    assert topics.partitions(topic) == 3
    assert not topics.create(topic, 3)
    with pytest.raises(Conflict):
        topics.create(topic, 4)


def test_records_are_read_back(broker: Broker, topic: str) -> None:
    write(broker, topic, 500)
    bounds = Topics(broker).bounds(topic)
    found = [r for batch in read_ranges(broker, topic, bounds) for r in batch]
    assert [record.offset for record in found] == list(range(500))


def test_one_member_consumes_and_commits(broker: Broker, topic: str) -> None:
    write(broker, topic, 300)
    options = ConsumerOptions(broker.bootstrap, f"group-{topic}", (topic,))
    table = OffsetTable()

    async def steps() -> None:
        member = Member(options, table)
        await member.consumer.start()
        await member.run_until(lambda: len(table.taken) >= 300)
        assert await member.consumer.commit(table.next_offsets)
        await member.consumer.stop()

    asyncio.run(steps())
    assert [offset for _, offset, _ in table.taken] == list(range(300))
    assert Topics(broker).committed(topic, f"group-{topic}")[0] == 300


def test_dead_letters_have_a_topic_here_too(broker: Broker, topic: str) -> None:
    assert Topics(broker).create_dead_letters(topic)
    assert Topics(broker).partitions(f"{topic}.dead_letters") == 3


def test_it_says_what_it_cannot_do(broker: Broker) -> None:
    assert broker.kind is BrokerKind.EMBEDDED
    assert broker.limits == EMBEDDED_LIMITS
    assert broker.advice == "make kafka"
    real = Broker.configured("somewhere:9092")
    assert (real.limits, real.advice, real.partition_bytes) == ((), None, None)


def test_older_records_vanish_above_the_cap(broker: Broker, topic: str) -> None:
    assert broker.partition_bytes == PARTITION_BYTES
    for _ in range(8):
        write(broker, topic, 1, b"x" * 900_000)
    begin, end = Topics(broker).bounds(topic)[0]
    assert end == 8
    assert begin > 0
    assert (end - begin) * 900_000 <= PARTITION_BYTES


def test_a_new_start_is_a_new_cluster(tmp_path: Path) -> None:
    settings = embedded_settings(tmp_path)
    clusters = []
    for _ in range(2):
        with running_broker(settings) as started:
            wait_until_ready(started)
            clusters.append(Topics(started).cluster_id())
            assert find_broker(settings) == started
            with running_broker(settings) as same:
                assert same == started
            with pytest.raises(Conflict):
                run_broker(settings)
        with pytest.raises(NotFound, match="none runs"):
            find_broker(settings)
    assert clusters[0] != clusters[1]


def test_it_is_chosen_where_there_is_no_other(tmp_path: Path) -> None:
    settings = embedded_settings(tmp_path)
    assert chosen_kind(settings) is BrokerKind.EMBEDDED
    configured = Settings(
        home=tmp_path, streaming=StreamingSettings(brokers="somewhere:9092")
    )
    assert chosen_kind(configured) is BrokerKind.CONFIGURED
    assert find_broker(configured).bootstrap == "somewhere:9092"
    with pytest.raises(InvalidUsage, match="configured"):
        run_broker(configured)


def test_a_broker_that_is_gone_is_named(tmp_path: Path) -> None:
    embedded = EmbeddedBroker(tmp_path)
    address = embedded.start()
    embedded.stop()
    with pytest.raises(Unavailable):
        address.create_topic("events", 1)
    gone = Broker.configured(address.bootstrap)
    with pytest.raises(Unavailable, match="does not answer"):
        wait_until_ready(gone, seconds=0.1)


def test_nonsense_on_its_control_port_does_no_harm(broker: Broker, topic: str) -> None:
    import socket

    assert broker.embedded is not None
    for text in (b"\n", b"[]\n", b'{"topic": 1}\n', b"\xff\xff\n"):
        place = ("127.0.0.1", broker.embedded.control_port)
        with socket.create_connection(place, 5) as line, contextlib.suppress(OSError):
            line.sendall(text)
            line.recv(10)
    assert Topics(broker).create(f"{topic}-more", 2)
