"""Groups on a real Kafka node: rebalances, static members, a broker that goes away."""

import asyncio

import pytest

from analytics_platform.adapters.kafka_broker import KafkaBroker, free_port
from analytics_platform.adapters.topic import Topics
from analytics_platform.errors import NotFound
from streaming.membership import ConsumerOptions
from streaming.records import TopicPartition
from tests.support.event_streams import PARTITIONS, Stream, run, started, stopped
from tests.support.stream_members import Member, OffsetTable, run_together

pytestmark = pytest.mark.system


@pytest.fixture
def stream(kafka: KafkaBroker) -> Stream:
    return Stream(kafka.bootstrap)


def test_members_share_the_partitions_and_take_each_record_once(
    stream: Stream,
) -> None:
    stream.write(4_000)

    async def steps() -> None:
        first, second, third = (stream.member() for _ in range(3))
        await started(first)
        await first.run_until(stream.has(1_000))
        await started(second)
        await run_together(
            [first, second],
            lambda: [len(first.partitions), len(second.partitions)] == [2, 2],
        )
        stream.write(4_000, start=4_000)
        await started(third)
        await run_together(
            [first, second, third],
            lambda: stream.has(8_000)() and len(third.partitions) > 0,
        )
        await stopped(second)
        await run_together(
            [first, third], lambda: len(first.partitions | third.partitions) == 4
        )
        stream.write(4_000, start=8_000)
        await run_together([first, third], stream.has(12_000))
        await stopped(first, third)

    run(steps())
    stream.assert_taken_once(12_000)


def test_no_partition_goes_while_its_owner_works(stream: Stream) -> None:
    stream.write(40)

    async def steps() -> None:
        first, second = stream.member(), stream.member()
        await started(first)
        await first.run_until(stream.has(40))
        await started(second)
        joining = asyncio.create_task(second.run_until(lambda: bool(second.partitions)))
        await asyncio.sleep(1)  # the owner is at work, the rebalance is asked for
        assert first.events == ["assign"]
        assert len(first.partitions) == 4
        await run_together([first], lambda: len(first.partitions) == 2)
        await joining
        assert first.events == ["assign", "revoke", "assign"]
        await stopped(first, second)

    run(steps())


def test_a_static_member_comes_back_to_its_partitions(stream: Stream) -> None:
    stream.write(100)

    async def steps() -> None:
        first, second = stream.member(instance="a"), stream.member(instance="b")
        await started(first, second)
        await run_together(
            [first, second],
            lambda: len(first.partitions) == len(second.partitions) == 2,
        )
        told = list(first.events)
        await stopped(second)
        again = stream.member(instance="b")
        await started(again)
        await run_together([first, again], lambda: len(again.partitions) == 2)
        assert again.partitions == second.partitions
        assert first.events == told  # no rebalance for the others
        stream.write(100, start=100)
        await run_together([first, again], stream.has(200))
        await stopped(first, again)

    run(steps())
    stream.assert_taken_once(200)


def test_a_restarted_broker_is_waited_for(kafka: KafkaBroker, stream: Stream) -> None:
    stream.write(400)

    async def steps() -> None:
        member = stream.member(session_ms=6_000, stall_seconds=1)
        await started(member)
        await member.run_until(stream.has(400))
        kafka.kill()
        await member.run_until(lambda: member.consumer.away_since is not None)
        restarting = asyncio.create_task(asyncio.to_thread(kafka.start))
        await member.run_until(restarting.done, 60)
        await restarting
        writing = asyncio.create_task(asyncio.to_thread(stream.write, 400, start=400))
        await member.run_until(stream.has(800), 30)
        await writing
        assert member.consumer.away_since is None
        await stopped(member)

    run(steps())
    stream.assert_taken_once(800)


def test_a_broker_that_is_not_there_yet_is_waited_for() -> None:
    options = ConsumerOptions(f"127.0.0.1:{free_port()}", "group", ("topic",))

    async def steps() -> None:
        member = Member(options, OffsetTable())
        starting = asyncio.create_task(member.consumer.start())
        await asyncio.sleep(1)
        assert not starting.done()
        assert member.consumer.away_since is not None
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await stopped(member)

    run(steps())


def test_the_owners_error_comes_out_of_poll(stream: Stream) -> None:
    async def steps() -> None:
        member = stream.member()

        async def refuse(_: object) -> dict[TopicPartition, int]:
            raise NotFound("No state.", hint="")

        member.on_assign = refuse  # type: ignore[method-assign, assignment]
        await started(member)
        with pytest.raises(NotFound, match="No state"):
            await member.run_until(stream.has(1))
        await stopped(member)

    run(steps())


def test_kafka_is_told_the_offsets(stream: Stream) -> None:
    stream.write(40)

    async def steps() -> None:
        member = stream.member()
        await started(member)
        await member.run_until(stream.has(40))
        assert await member.consumer.commit(stream.table.next_offsets)
        await stopped(member)

    run(steps())
    found = Topics(stream.broker).committed(stream.topic, f"group-{stream.topic}")
    assert found == dict.fromkeys(range(PARTITIONS), 10)


def test_a_member_that_was_silent_too_long_learns_that_its_partitions_are_gone(
    stream: Stream,
) -> None:
    stream.write(400)

    async def steps() -> None:
        silent, other = stream.member(session_ms=1_000), stream.member()
        await started(silent)
        await silent.run_until(stream.has(400))
        coordinator = silent.consumer._coordinator
        assert coordinator is not None
        await coordinator._stop_heartbeat_task()  # as in a process that hangs
        await started(other)
        await other.run_until(lambda: len(other.partitions) == 4)
        assert silent.events == ["assign"]  # it still believes that they are its own
        coordinator.request_rejoin()  # as the next heartbeat's answer would have it do
        await run_together([silent, other], lambda: len(silent.partitions) == 2)
        assert silent.events == ["assign", "revoke", "assign"]
        stream.write(400, start=400)
        await run_together([silent, other], stream.has(800))
        await stopped(silent, other)

    run(steps())
    stream.assert_taken_once(800)
