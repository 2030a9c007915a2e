"""Tickets wait in a store and are given out once."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from analytics_platform.core.access import Principal, Scope, Ticket, issue_ticket
from analytics_platform.errors import Unavailable
from streaming.fanout import open_redis
from streaming.tickets import MemoryTickets, RedisTickets, Tickets
from tests.support.instants import at
from tests.support.loops import in_loop
from tests.support.redis_server import running_redis


@asynccontextmanager
async def store(kind: str) -> AsyncIterator[Tickets]:
    if kind == "memory":
        yield MemoryTickets()
        return
    with running_redis() as server:
        client = open_redis(server.url)
        yield RedisTickets(client, "test")
        await client.aclose()


def make() -> Ticket:
    who = Principal("ada", "k", frozenset({Scope.READ_STREAM}), ("a.*",), at(99))
    ends = at(0) + timedelta(seconds=30)
    return issue_ticket(who, "https://a.b", ends=ends, random=secrets.token_hex)[1]


@pytest.mark.parametrize(
    "kind", ["memory", pytest.param("redis", marks=pytest.mark.system)]
)
def test_a_ticket_is_taken_once_and_as_it_was(kind: str) -> None:
    @in_loop
    async def scenario() -> None:
        async with store(kind) as tickets:
            ticket = make()
            await tickets.put(ticket, at(0))
            takers = [tickets.take(ticket.digest) for _ in range(10)]
            found = [one for one in await asyncio.gather(*takers) if one]
            assert found == [ticket]

    scenario()


@pytest.mark.system
@in_loop
async def test_redis_forgets_a_ticket_that_expired() -> None:
    async with store("redis") as tickets:
        ticket = make()
        await tickets.put(ticket, ticket.expires_at - timedelta(milliseconds=50))
        await asyncio.sleep(1.1)
        assert await tickets.take(ticket.digest) is None


@pytest.mark.system
@in_loop
async def test_a_redis_that_is_away_is_unavailable() -> None:
    tickets = RedisTickets(open_redis("redis://127.0.0.1:1/0"), "test")
    with pytest.raises(Unavailable, match="does not answer"):
        await tickets.put(make(), at(0))
    with pytest.raises(Unavailable):
        await tickets.take("0")


@in_loop
async def test_expired_tickets_make_room_for_new_ones() -> None:
    tickets = MemoryTickets()
    for _ in range(10_000):
        await tickets.put(make(), at(0))
    with pytest.raises(Unavailable, match="Too many"):
        await tickets.put(make(), at(0))
    await tickets.put(make(), at(31))
