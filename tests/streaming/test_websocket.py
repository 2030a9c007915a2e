"""Who gets in by WebSocket, what they may read, and how connections end."""

import asyncio
import dataclasses
import socket
import time
from datetime import UTC, datetime, timedelta

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from analytics_platform.core.access import Role, digest_of
from streaming.hub.channels import Kind, channel
from streaming.warden import Patience
from tests.support.loops import in_loop, until
from tests.support.push_server import (
    CHANNELS,
    Sidecar,
    hear,
    items,
    running_sidecar,
    say,
    soon,
)

QUICK = Patience(heartbeat_seconds=0.5, stall_seconds=1)


async def refusal(
    sidecar: Sidecar, ticket: str | None, origin: str | None = None
) -> int:
    """The HTTP status with which a handshake is refused."""
    with pytest.raises(InvalidStatus) as caught:
        await sidecar.connect(ticket, origin)
    return caught.value.response.status_code


async def close_code(client: ClientConnection) -> int | None:
    """The code with which the server closes, whatever it says before."""
    try:
        while True:
            await asyncio.wait_for(client.recv(), 10)
    except ConnectionClosed:
        return client.close_code


@in_loop
async def test_a_ticket_opens_one_connection() -> None:
    async with running_sidecar() as sidecar:
        ticket = await sidecar.ticket()
        client = await sidecar.connect(ticket)
        welcome = await hear(client)
        assert welcome["principal"] == "ada"
        assert await refusal(sidecar, ticket) == 401
        await client.close()


@in_loop
async def test_of_many_who_show_one_ticket_one_gets_in() -> None:
    async with running_sidecar() as sidecar:
        ticket = await sidecar.ticket()
        tries = [asyncio.ensure_future(_try(sidecar, ticket)) for _ in range(10)]
        assert sorted(await asyncio.gather(*tries)) == [101] + [401] * 9


async def _try(sidecar: Sidecar, ticket: str) -> int:
    try:
        client = await sidecar.connect(ticket)
    except InvalidStatus as refused:
        return refused.response.status_code
    await client.close()
    return 101


@in_loop
async def test_a_ticket_that_is_too_old_is_refused_before_accept() -> None:
    async with running_sidecar() as sidecar:
        text = await sidecar.ticket()
        ticket = await sidecar.tickets.take(digest_of(text))
        assert ticket is not None
        now = datetime.now(UTC)
        old = dataclasses.replace(ticket, expires_at=now - timedelta(seconds=1))
        await sidecar.tickets.put(old, now)
        assert await refusal(sidecar, text) == 401


@in_loop
async def test_a_made_up_ticket_is_refused_before_accept() -> None:
    async with running_sidecar() as sidecar:
        assert await refusal(sidecar, "tk_" + "0" * 64) == 401
        assert await refusal(sidecar, "") == 401


@in_loop
async def test_a_ticket_is_good_from_its_own_origin_only() -> None:
    here, there = "https://board.example", "https://other.example"
    async with running_sidecar(origins={here, there}) as sidecar:
        assert await refusal(sidecar, await sidecar.ticket(origin=here), there) == 403
        assert await refusal(sidecar, await sidecar.ticket(origin=here)) == 403
        assert await refusal(sidecar, await sidecar.ticket(), here) == 403
        client = await sidecar.connect(await sidecar.ticket(origin=here), here)
        await client.close()


@in_loop
async def test_pages_of_other_sites_are_refused_even_without_a_ticket() -> None:
    async with running_sidecar() as sidecar:
        assert await refusal(sidecar, None, "https://evil.example") == 403
        answer = await sidecar.post_ticket(
            sidecar.keys.make(), origin="https://evil.example"
        )
        assert answer.status_code == 403


@in_loop
async def test_a_full_server_says_so_before_accept() -> None:
    async with running_sidecar(most=1) as sidecar:
        client = await sidecar.joined()
        assert await refusal(sidecar, None) == 503
        await client.close()
        await until(lambda: not (sidecar.push.warden.connections))
        await (await sidecar.joined()).close()


@in_loop
async def test_a_key_in_the_first_frame_lets_in() -> None:
    async with running_sidecar() as sidecar, sidecar.connect() as client:
        await say(client, type="authenticate", token=sidecar.keys.make())
        assert (await hear(client))["type"] == "welcome"


@in_loop
async def test_a_ticket_in_the_first_frame_lets_in_once() -> None:
    async with running_sidecar() as sidecar:
        ticket = await sidecar.ticket()
        async with sidecar.connect() as client:
            await say(client, type="authenticate", token=ticket)
            assert (await hear(client))["type"] == "welcome"
        async with sidecar.connect() as client:
            await say(client, type="authenticate", token=ticket)
            assert await close_code(client) == 4401


@pytest.mark.parametrize(
    "first",
    [
        '{"type":"authenticate","token":"ak_000000000000_00"}',
        '{"type":"authenticate","token":"nonsense"}',
        '{"type":"authenticate","token":"tk_00"}',
        '{"type":"subscribe","channel":"windows.orders"}',
        '{"type":"authenticate"}',
        "nonsense",
        b"\x00",
    ],
)
def test_a_bad_first_frame_gets_nothing_but_4401(first: str | bytes) -> None:
    @in_loop
    async def scenario() -> None:
        async with running_sidecar() as sidecar, sidecar.connect() as client:
            sidecar.hub.publish("windows.orders", {"n": 1}, key="a")
            await client.send(first)
            with pytest.raises(ConnectionClosed):
                await client.recv()
            assert client.close_code == 4401

    scenario()


@in_loop
async def test_silence_is_closed_with_4401_within_five_seconds() -> None:
    async with running_sidecar() as sidecar, sidecar.connect() as client:
        began = time.monotonic()
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert client.close_code == 4401
        assert time.monotonic() - began < 5.5


MAY_READ = {
    Role.VIEWER: {"windows.orders", "predictions.delay"},
    Role.ANALYST: {"windows.orders", "predictions.delay", "events.orders"},
    Role.OPERATOR: {one.name for one in CHANNELS},
    Role.ADMIN: {one.name for one in CHANNELS},
}


@pytest.mark.parametrize("role", Role)
def test_a_role_reads_its_channels_and_no_other(role: Role) -> None:
    @in_loop
    async def scenario() -> None:
        async with running_sidecar() as sidecar:
            welcomed = await sidecar.connect(await sidecar.ticket(role))
            names = {one["name"] for one in (await hear(welcomed))["channels"]}
            assert names == MAY_READ[role]
            await welcomed.close()
            for name in [*(one.name for one in CHANNELS), "no.such.channel"]:
                client = await sidecar.joined(role)
                await say(client, type="subscribe", channel=name)
                if name in MAY_READ[role]:
                    assert (await hear(client))["type"] == "subscribed"
                    await client.close()
                else:
                    assert await close_code(client) == 4403

    scenario()


@in_loop
async def test_a_key_limited_to_channels_reads_no_other() -> None:
    async with running_sidecar() as sidecar:
        key = sidecar.keys.make(Role.ADMIN, channels=("windows.*",))
        async with sidecar.connect() as client:
            await say(client, type="authenticate", token=key)
            names = [one["name"] for one in (await hear(client))["channels"]]
            assert names == ["windows.orders"]
            await say(client, type="subscribe", channel="alerts")
            assert await close_code(client) == 4403


@in_loop
async def test_a_key_that_expires_closes_its_connections() -> None:
    async with running_sidecar() as sidecar:
        key = sidecar.keys.make(lifetime=soon(3))
        async with sidecar.connect() as client:
            await say(client, type="authenticate", token=key)
            assert await close_code(client) == 4401
            assert client.close_reason == "the key has expired"


@in_loop
async def test_a_revoked_key_closes_its_connections() -> None:
    async with running_sidecar() as sidecar:
        client = await sidecar.joined()
        (key,) = sidecar.keys.keys.values()
        gone = dataclasses.replace(key, revoked_at=datetime.now(UTC))
        sidecar.keys.keys[key.id] = gone
        await sidecar.push.warden.end_unusable()
        assert await close_code(client) == 4401


@in_loop
async def test_an_idle_client_hears_a_heartbeat_with_its_places() -> None:
    async with running_sidecar(patience=QUICK) as sidecar:
        client = await sidecar.subscribed("windows.orders", keys=["b"])
        place = sidecar.hub.publish("windows.orders", {"n": 1}, key="a")
        said = await client.recv()
        assert '"type":"heartbeat"' in str(said)
        expected = f'"windows.orders":{{"epoch":{place.epoch},"sequence":1}}'
        assert expected in str(said)
        await client.close()


@pytest.mark.parametrize(
    ("request_text", "code"),
    [
        ("nonsense", 4400),
        ('{"type":"dance"}', 4400),
        ('{"type":"subscribe","channel":"windows.orders","limit":1}', 4400),
        ('{"type":"subscribe","channel":"windows.orders","after":{"epoch":1}}', 4400),
        ('{"type":"authenticate","token":"x"}', 4400),
        ('{"type":"subscribe","channel":"windows.orders"}', 4409),
        ("x" * 20_000, 1009),
    ],
)
def test_what_makes_no_sense_closes_the_connection(
    request_text: str, code: int
) -> None:
    @in_loop
    async def scenario() -> None:
        async with running_sidecar() as sidecar:
            client = await sidecar.subscribed("windows.orders")
            await client.send(request_text)
            assert await close_code(client) == code

    scenario()


@in_loop
async def test_a_client_may_name_a_hundred_keys_and_no_more() -> None:
    async with running_sidecar() as sidecar:
        keys = [f"k{n}" for n in range(101)]
        client = await sidecar.subscribed("windows.orders", keys=keys[:100])
        await say(client, type="subscribe", channel="alerts", keys=keys)
        assert await close_code(client) == 4400


@in_loop
async def test_a_client_that_asks_without_end_is_closed() -> None:
    async with running_sidecar() as sidecar:
        client = await sidecar.joined()
        for _ in range(101):
            await say(client, type="unsubscribe", channel="windows.orders")
        assert await close_code(client) == 4429


@in_loop
async def test_after_unsubscribing_nothing_more_comes() -> None:
    async with running_sidecar() as sidecar:
        client = await sidecar.subscribed("windows.orders")
        sidecar.hub.publish("windows.orders", {"n": 1}, key="a")
        assert [one["sequence"] for one in await items(client, 1)] == [1]
        await say(client, type="unsubscribe", channel="windows.orders")
        assert (await hear(client))["type"] == "unsubscribed"
        sidecar.hub.publish("windows.orders", {"n": 2}, key="a")
        await say(client, type="subscribe", channel="windows.orders")
        assert (await hear(client))["sequence"] == 1  # the latest of each key follow
        assert [one["sequence"] for one in await items(client, 1)] == [2]
        await client.close()


@in_loop
async def test_a_stopping_server_tells_its_clients() -> None:
    async with running_sidecar() as sidecar:
        client = await sidecar.subscribed("windows.orders")
    assert await close_code(client) == 1001


def narrow(sidecar: Sidecar) -> socket.socket:
    """A connection whose receiver keeps next to nothing."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    connection.connect(("127.0.0.1", sidecar.port))
    return connection


@in_loop
async def test_a_client_that_takes_nothing_is_dropped_and_costs_nobody_a_thing() -> (
    None
):
    async with running_sidecar(patience=QUICK) as sidecar:
        stalled = await sidecar.subscribed("predictions.delay", sock=narrow(sidecar))
        stalled.transport.pause_reading()
        reader = await sidecar.subscribed("predictions.delay")
        text = "x" * 10_000
        slowest = 0.0
        for n in range(1, 301):
            began = time.monotonic()
            sidecar.hub.publish("predictions.delay", {"n": n, "text": text})
            assert (await items(reader, 1))[0]["data"]["n"] == n
            slowest = max(slowest, time.monotonic() - began)
            await asyncio.sleep(0.01)
        assert slowest < 0.5
        await until(lambda: not (len(sidecar.push.warden.sessions) > 1))
        assert sidecar.push.warden.ended == {4408: 1}
        await reader.close()
        stalled.transport.abort()


@in_loop
async def test_a_reader_of_alerts_who_falls_behind_is_closed_with_a_reason() -> None:
    few = dataclasses.replace(channel("alerts", "Alerts", Kind.ALERT), capacity=3)
    async with running_sidecar((few,)) as sidecar:
        client = await sidecar.subscribed("alerts")
        for n in range(4):
            sidecar.hub.publish("alerts", {"n": n})
        assert await close_code(client) == 4408
        assert client.close_reason == "fell behind on alerts"


@in_loop
async def test_one_failing_client_is_closed_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running_sidecar() as sidecar:
        unlucky = await sidecar.subscribed("windows.orders")
        (session,) = sidecar.push.warden.sessions
        lucky = await sidecar.subscribed("windows.orders")
        monkeypatch.setattr(session, "_next_text", lambda: 1 / 0)
        sidecar.hub.publish("windows.orders", {"n": 1}, key="a")
        assert await close_code(unlucky) == 1011
        assert (await items(lucky, 1))[0]["data"] == {"n": 1}
        await lucky.close()
