"""Replicas over a real Redis give the same messages the same places."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from streaming.fanout import Fanout, open_redis
from streaming.hub.hub import Hub, Pace
from streaming.hub.rings import Message
from streaming.tickets import RedisTickets
from tests.support.loops import in_loop, until
from tests.support.push_server import (
    CHANNELS,
    Sidecar,
    hear,
    items,
    running_sidecar,
    say,
)
from tests.support.redis_server import RedisServer, running_redis

pytestmark = pytest.mark.system

WINDOWS = "windows.orders"


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """One that the test may stop."""
    with running_redis() as server:
        yield server


@asynccontextmanager
async def replica(url: str, prefix: str = "test") -> AsyncIterator[Fanout]:
    """One replica's hub, joined to the others."""
    client = open_redis(url)
    epoch = random.randrange(1, 1_000)  # noqa: S311
    fanout = Fanout(client, Hub(CHANNELS, epoch=epoch, pace=Pace(0.001)), prefix=prefix)
    task = asyncio.create_task(fanout.run())
    try:
        yield fanout
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await client.aclose()


def kept(fanout: Fanout, channel: str = WINDOWS) -> list[Message]:
    ring = fanout._hub.ring(channel)
    return list(ring.after(ring.first - 1, 1_000_000))


@in_loop
async def test_what_two_replicas_publish_is_the_same_sequence_on_both(
    redis: RedisServer,
) -> None:
    async with replica(redis.url, "a") as one, replica(redis.url, "a") as two:
        for n in range(1_000):
            choice = random.choice((one, two))  # noqa: S311
            choice.publish(WINDOWS, {"n": n}, key=str(n % 7))
            if n % 50 == 0:
                await asyncio.sleep(0.001)
        await until(lambda: len(kept(one)) == len(kept(two)) == 1_000)
        assert kept(one) == kept(two)
        assert [m.sequence for m in kept(one)] == list(range(1, 1_001))
        assert one._hub.ring(WINDOWS).epoch == two._hub.ring(WINDOWS).epoch
        assert one.problem is None


@in_loop
async def test_a_replica_that_comes_later_has_what_the_others_keep(
    redis: RedisServer,
) -> None:
    async with replica(redis.url, "b") as one:
        for n in range(1_200):
            one.publish(WINDOWS, {"n": n}, key="a")
        await until(lambda: len(kept(one)) == 1_200)
        async with replica(redis.url, "b") as two:
            await until(lambda: len(kept(two)) == 1_200)
            assert kept(one) == kept(two)
            two.publish(WINDOWS, {"n": -1}, key="a")
            await until(lambda: len(kept(one)) == 1_201)


@in_loop
async def test_replicas_agree_on_the_epoch_before_the_first_message(
    redis: RedisServer,
) -> None:
    async with replica(redis.url, "c") as one, replica(redis.url, "c") as two:
        await until(lambda: one.problem is None and two.problem is None)
        for name in one._hub.rings:
            assert one._hub.ring(name).epoch == two._hub.ring(name).epoch
            assert one._hub.ring(name).last == 0


@in_loop
async def test_redis_keeps_about_as_much_as_the_channel(redis: RedisServer) -> None:
    async with replica(redis.url, "d") as one:
        for n in range(40_000):
            one.publish(WINDOWS, {"n": n}, key="a")
            if n % 1_000 == 0:
                await asyncio.sleep(0.02)
        await until(lambda: one._hub.ring(WINDOWS).last == 40_000)
        entries: Any = await one._redis.xrange("d:{windows.orders}")
        messages = sum(int(entry[b"n"]) for _, entry in entries)
        assert 16_384 <= messages < 2 * 16_384


@in_loop
async def test_a_redis_that_lost_everything_begins_a_new_epoch(
    own_redis: RedisServer,
) -> None:
    async with replica(own_redis.url) as one, replica(own_redis.url) as two:
        one.publish(WINDOWS, {"n": 1}, key="a")
        await until(lambda: kept(one) and kept(two))
        await until(lambda: one.problem is None and two.problem is None)
        before = one._hub.ring(WINDOWS).epoch
        own_redis.stop()
        await until(lambda: one.problem and two.problem)
        assert "does not answer" in str(one.problem)
        one.publish(WINDOWS, {"n": 2}, key="a")
        own_redis.start()
        await until(lambda: two._hub.ring(WINDOWS).epoch > before)
        await until(lambda: one._hub.ring(WINDOWS).epoch > before)
        await until(lambda: kept(one) and kept(two))
        assert kept(one) == kept(two)
        assert [m.sequence for m in kept(two)] == [1]
        assert b'"n":2' in kept(two)[0].data


@in_loop
async def test_whoever_joins_after_a_new_epoch_began_takes_over_that_one_only(
    redis: RedisServer,
) -> None:
    async with replica(redis.url, "h") as one:
        one.publish(WINDOWS, {"n": 1}, key="a")
        await until(lambda: kept(one) and one.problem is None)
        one._renew.add(WINDOWS)
        for n in (2, 3):
            one.publish(WINDOWS, {"n": n}, key="a")
        await until(lambda: b'"n":3' in kept(one)[-1].data)
        entries: Any = await one._redis.xrange("h:{windows.orders}")
        assert len({name.partition(b"-")[0] for name, _ in entries}) == 2
        async with replica(redis.url, "h") as two:
            await until(lambda: two.problem is None)
            assert kept(two) == kept(one)
            assert [m.sequence for m in kept(two)] == [1, 2]


@in_loop
async def test_more_than_may_wait_is_dropped_and_clients_start_over(
    own_redis: RedisServer,
) -> None:
    async with replica(own_redis.url) as one:
        one.publish(WINDOWS, {"n": 0}, key="a")
        await until(lambda: kept(one))
        before = one._hub.ring(WINDOWS).epoch
        await one._redis.config_set("maxclients", 10_000)
        one._waiting[WINDOWS].clear()
        for n in range(16_385):  # one more than may wait; nothing is sent meanwhile
            one.publish(WINDOWS, {"n": n}, key="a")
        await until(lambda: one._hub.ring(WINDOWS).epoch > before)
        (only,) = kept(one)
        assert b'"n":16384' in only.data


@in_loop
async def test_a_batch_tried_twice_is_there_once(redis: RedisServer) -> None:
    async with replica(redis.url, "e") as one:
        one.publish(WINDOWS, {"n": 1}, key="a")
        batch = one._next_batch()
        assert batch is not None
        places = {await one._call(batch) for _ in range(3)}
        assert len(places) == 1, places
        await until(lambda: len(kept(one)) == 1)


@asynccontextmanager
async def replica_sidecar(
    url: str, prefix: str
) -> AsyncIterator[tuple[Sidecar, Fanout]]:
    async with replica(url, prefix) as fanout:
        tickets = RedisTickets(fanout._redis, prefix)
        async with running_sidecar(hub=fanout._hub, tickets=tickets) as sidecar:
            yield sidecar, fanout


@in_loop
async def test_a_client_resumes_on_another_replica_and_misses_nothing(
    redis: RedisServer,
) -> None:
    async with (
        replica_sidecar(redis.url, "f") as (here, one),
        replica_sidecar(redis.url, "f") as (there, two),
    ):
        there.keys.keys = here.keys.keys
        await until(lambda: one.problem is None and two.problem is None)
        seen: list[int] = []
        request: dict[str, Any] = {}
        published = 0
        for turn in range(6):
            sidecar = (here, there)[turn % 2]
            client = await sidecar.subscribed("predictions.delay", **request)
            for fanout in (one, two):
                for _ in range(10):
                    published += 1
                    fanout.publish("predictions.delay", {"n": published})
            for item in await items(client, 5):
                assert item["type"] == "message"
                seen.append(item["sequence"])
                place = {"epoch": item["epoch"], "sequence": item["sequence"]}
                request = {"after": place}
            await client.close()
        assert seen == list(range(1, len(seen) + 1))


@in_loop
async def test_a_ticket_of_one_replica_opens_another_once(redis: RedisServer) -> None:
    async with (
        replica_sidecar(redis.url, "g") as (here, _),
        replica_sidecar(redis.url, "g") as (there, _two),
    ):
        ticket = await here.ticket()
        client = await there.connect(ticket)
        assert (await hear(client))["type"] == "welcome"
        await say(client, type="subscribe", channel=WINDOWS)
        assert (await hear(client))["type"] == "subscribed"
        with pytest.raises(Exception, match="401"):
            await here.connect(ticket)
        await client.close()
