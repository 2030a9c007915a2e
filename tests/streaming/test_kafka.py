"""The consumer on a real Kafka node: order, transactions, odd records, offsets."""

import asyncio
import os
import queue
import time
from collections.abc import Mapping
from contextlib import suppress

import pytest
from confluent_kafka import Producer
from confluent_kafka import TopicPartition as ConfluentPartition
from confluent_kafka.admin import AdminClient

from analytics_platform.adapters.kafka_broker import KafkaBroker
from analytics_platform.adapters.topic import OutgoingRecord, TopicWriter
from analytics_platform.errors import NotFound
from streaming.liveness import Stalled
from streaming.membership import ConsumerOptions, LogBounds, OffsetOutOfRange
from streaming.records import TopicPartition
from tests.support.event_streams import Stream, run, started, stopped
from tests.support.stream_members import Member, OffsetTable

pytestmark = pytest.mark.system


@pytest.fixture
def stream(kafka: KafkaBroker) -> Stream:
    return Stream(kafka.bootstrap)


def test_everything_comes_in_order_from_the_offsets_that_the_owner_gives(
    stream: Stream,
) -> None:
    stream.write(10_000)
    where = TopicPartition(stream.topic, 1)
    stream.table.next_offsets[where] = 2_000

    async def steps() -> None:
        member = stream.member()
        await started(member)
        await member.run_until(stream.has(8_000))
        progress = member.consumer.progress()
        assert {each.partition for each in progress} == {0, 1, 2, 3}
        assert all(p.position == p.high_water == 2_500 for p in progress.values())
        assert sum(p.lag for p in progress.values()) == 0
        await stopped(member)

    run(steps())
    assert len(stream.table.taken) == 8_000
    offsets = [offset for p, offset, _ in stream.table.taken if p == 1]
    assert offsets == list(range(2_000, 2_500))


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_compressed_batches_are_read(stream: Stream, codec: str) -> None:
    writer = TopicWriter(stream.broker, compression=codec)
    sent = [b'{"n":%d,"pad":"%s"}' % (n, b"x" * 300) for n in range(2_000)]
    writer.send_all(stream.topic, [OutgoingRecord(v, partition=0) for v in sent])
    writer.flush()

    async def steps() -> None:
        member = stream.member()
        await started(member)
        await member.run_until(stream.has(2_000))
        await stopped(member)

    run(steps())
    assert [value for _, _, value in stream.table.taken] == sent


def test_aborted_and_open_transactions_are_not_seen(stream: Stream) -> None:
    producer = Producer(
        {"bootstrap.servers": stream.broker.bootstrap, "transactional.id": stream.topic}
    )
    producer.init_transactions(10)

    def transaction(start: int) -> None:
        producer.begin_transaction()
        for number in range(start, start + 100):
            producer.produce(stream.topic, b"%d" % number, partition=0)
            if number % 10 == 0:
                producer.flush(10)  # several batches in one transaction
        producer.flush(10)

    transaction(0)
    producer.abort_transaction(10)
    transaction(100)
    producer.commit_transaction(10)
    transaction(200)
    producer.abort_transaction(10)
    transaction(300)

    async def steps() -> None:
        member = stream.member(stall_seconds=0.5)
        await started(member)
        await member.run_until(stream.has(100))
        for _ in range(5):  # what waits in an open transaction is no stall
            await member.step(0.2)
        assert len(stream.table.taken) == 100
        where = TopicPartition(stream.topic, 0)
        assert stream.table.next_offsets[where] == 303  # with three end markers
        assert member.consumer.progress()[where].lag == 100
        producer.commit_transaction(10)
        await member.run_until(stream.has(200))
        await stopped(member)

    run(steps())
    numbers = [int(value or b"") for _, _, value in stream.table.taken]
    assert numbers == [*range(100, 200), *range(300, 400)]


def test_what_cannot_be_joined_comes_whole(stream: Stream) -> None:
    headers = (("traceparent", b"00-aa"), ("none", None))
    odd = [None, b"", b"  ", b'{"a":\n1}', b"y" * 60]
    writer = TopicWriter(stream.broker)
    for value in [b"{}", *odd, b"[]"]:
        record = OutgoingRecord(value, b"key", headers, 1_000, partition=0)
        writer.send(stream.topic, record)
        writer.flush()  # one batch each

    async def steps() -> None:
        member = stream.member(max_value_bytes=50)
        await started(member)
        await member.run_until(stream.has(7))
        await stopped(member)
        chunks = [chunk for chunk in member.chunks if len(chunk)]
        assert [chunk.regular for chunk in chunks] == [True, False, True]
        assert bytes(chunks[0].ndjson) == b"{}\n"
        assert bytes(chunks[2].ndjson) == b"[]\n"
        assert [record.value for record in chunks[1].records()] == odd
        record = chunks[1].record(2)
        assert (record.where.topic, record.where.partition) == (stream.topic, 0)
        assert (record.offset, record.timestamp_ms, record.key) == (3, 1_000, b"key")
        assert record.headers == headers

    run(steps())


def test_a_paused_partition_brings_nothing_until_it_goes_on(stream: Stream) -> None:
    stream.write(400)
    where = TopicPartition(stream.topic, 2)

    async def steps() -> None:
        member = stream.member(stall_seconds=0.5)
        await started(member)
        await member.run_until(stream.has(400))
        member.consumer.pause([where])
        stream.write(400, start=400)
        await member.run_until(stream.has(700))
        for _ in range(5):  # a paused partition is no stall
            assert await member.step(0.2) == 0
        assert member.consumer.progress()[where].paused
        member.consumer.resume([where])
        await member.run_until(stream.has(800))
        await stopped(member)

    run(steps())
    stream.assert_taken_once(800)


def test_an_unknown_topic_is_named(stream: Stream) -> None:
    async def steps() -> None:
        options = ConsumerOptions(
            stream.broker.bootstrap, "group", ("no-such-topic",), request_ms=1_000
        )
        member = Member(options, OffsetTable())
        with pytest.raises(NotFound, match="no-such-topic"):
            await started(member)
        await stopped(member)

    run(steps())


def test_an_offset_outside_the_log_is_an_error_before_anything_is_taken(
    stream: Stream,
) -> None:
    stream.write(40)
    where = TopicPartition(stream.topic, 0)
    stream.table.next_offsets[where] = 11

    async def steps() -> None:
        member = stream.member()
        await started(member)
        with pytest.raises(OffsetOutOfRange, match="holds 0 to 10"):
            await member.run_until(stream.has(40))
        await stopped(member)

    run(steps())
    assert stream.table.taken == []


def test_records_deleted_before_they_were_taken_are_an_error(stream: Stream) -> None:
    stream.write(400)
    admin = AdminClient({"bootstrap.servers": stream.broker.bootstrap})

    async def steps() -> None:
        member = stream.member()
        starts = member.on_assign

        async def delete_meanwhile(
            bounds: Mapping[TopicPartition, LogBounds],
        ) -> Mapping[TopicPartition, int]:
            gone = [ConfluentPartition(stream.topic, 0, 50)]
            for done in admin.delete_records(gone).values():
                done.result(10)
            return await starts(bounds)

        member.on_assign = delete_meanwhile  # type: ignore[method-assign]
        await started(member)
        with pytest.raises(OffsetOutOfRange, match="offset 0 is outside"):
            await member.run_until(stream.has(400), 5)
        with pytest.raises(OffsetOutOfRange):
            await member.run_until(stream.has(400), 5)
        while len(stream.table.taken) < 300:  # the other partitions lose nothing
            with suppress(OffsetOutOfRange):
                await member.step()
        await stopped(member)

    run(steps())


def test_no_progress_although_records_wait_is_a_stall(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream.write(40)

    async def steps() -> None:
        member = stream.member(stall_seconds=0.5)
        await started(member)
        await member.run_until(stream.has(40))
        stream.write(40, start=40)
        monkeypatch.setattr("streaming.kafka._RawFetcher.take", lambda _: [])
        begun = time.monotonic()
        with pytest.raises(Stalled, match="records wait") as stalled:
            await member.run_until(stream.has(80))
        assert stalled.value.exit_code == 4
        assert time.monotonic() - begun < 5
        await stopped(member)

    run(steps())


def test_a_process_that_polls_no_more_although_records_wait_is_ended(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streaming.kafka._GUARD_SECONDS", 0.5)
    stream.write(40)
    codes: queue.Queue[int] = queue.Queue()

    async def steps() -> None:
        member = stream.member(stall_seconds=0.5)
        guard = member.consumer._guard
        assert guard._end is os._exit
        monkeypatch.setattr(guard, "_end", codes.put)
        await started(member)
        await member.run_until(stream.has(40))
        await asyncio.sleep(2.5)
        assert codes.empty()
        stream.write(40, start=40)
        assert await asyncio.to_thread(codes.get, timeout=20) == 4
        await stopped(member)

    run(steps())
