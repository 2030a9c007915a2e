"""The same hub as Server-Sent Events: who may read, resuming, how a stream ends."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from analytics_platform.core.access import Role
from streaming.door import Denied
from streaming.event_stream import format_id, parse_id
from streaming.hub.wire import Place
from streaming.warden import Patience
from tests.support.loops import in_loop, until
from tests.support.push_server import Sidecar, running_sidecar, soon

URL = "/events?channel=windows.orders"


class Events:
    """What a browser's EventSource would make of a response."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()
        self.last_id = ""

    async def next(self) -> tuple[str, dict[str, Any]]:
        """The next event's name and data."""
        name, data = "message", ""
        async for line in self._lines:
            field, _, value = line.partition(": ")
            if field == "id":
                self.last_id = value
            elif field == "event":
                name = value
            elif field == "data":
                data = value
            elif not line and data:
                return name, json.loads(data)
        raise EOFError

    async def item(self) -> dict[str, Any]:
        """The next item of a frame that has one."""
        while True:
            _, said = await self.next()
            if said["type"] == "frame":
                (only,) = said["items"]
                found: dict[str, Any] = only
                return found


@asynccontextmanager
async def opened(
    sidecar: Sidecar, path: str = URL, **headers: str
) -> AsyncIterator[Events]:
    async with (
        httpx.AsyncClient(timeout=10) as client,
        client.stream("GET", sidecar.address + path, headers=headers) as response,
    ):
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Events(response)


def bearer(sidecar: Sidecar, *roles: Role, **request: Any) -> dict[str, str]:
    return {"authorization": f"Bearer {sidecar.keys.make(*roles, **request)}"}


async def status(sidecar: Sidecar, path: str, **headers: str) -> int:
    async with httpx.AsyncClient() as client:
        answer = await client.get(sidecar.address + path, headers=headers)
        assert answer.json()["status"] == answer.status_code
        return answer.status_code


@in_loop
async def test_a_key_reads_a_channel() -> None:
    async with (
        running_sidecar() as sidecar,
        opened(sidecar, **bearer(sidecar)) as events,
    ):
        assert (await events.next())[1]["type"] == "welcome"
        assert (await events.next())[1]["type"] == "subscribed"
        sidecar.hub.publish("windows.orders", {"n": 1}, key="a")
        assert (await events.item())["data"] == {"n": 1}


@in_loop
async def test_a_stream_goes_on_after_the_last_event_that_came() -> None:
    async with running_sidecar() as sidecar:
        headers = bearer(sidecar, Role.ADMIN)
        both = "/events?channel=windows.orders&channel=alerts"
        seen: list[tuple[str, int]] = []
        for turn in range(4):
            async with opened(sidecar, both, **headers) as events:
                if turn == 0:
                    await events.next()  # from here on, whatever comes is kept
                    await events.next()
                for channel in ("windows.orders", "alerts"):
                    sidecar.hub.publish(channel, {"turn": turn}, key=str(turn))
                while len(seen) < 2 * turn + 1:
                    _, said = await events.next()
                    items = said.get("items", [])
                    seen += [(one["channel"], one["sequence"]) for one in items]
                headers["last-event-id"] = events.last_id
        for channel in ("windows.orders", "alerts"):
            sequences = [s for name, s in seen if name == channel]
            assert sequences == list(range(1, len(sequences) + 1))
        assert len(seen) >= 7


@in_loop
async def test_a_stream_may_be_limited_to_keys() -> None:
    async with running_sidecar() as sidecar:
        path = f"{URL}&key=b&key=d"
        async with opened(sidecar, path, **bearer(sidecar)) as events:
            await events.next()
            await events.next()
            for key in "abcd":
                sidecar.hub.publish("windows.orders", {}, key=key)
            _, said = await events.next()
            assert [one["key"] for one in said["items"]] == ["b", "d"]


@pytest.mark.parametrize("way", ["address", "header"])
def test_a_stream_resumes_from_a_place_in_its_address_or_a_header(way: str) -> None:
    @in_loop
    async def scenario() -> None:
        async with running_sidecar() as sidecar:
            for n in range(1, 4):
                place = sidecar.hub.publish("windows.orders", {"n": n}, key="a")
            last = format_id({"windows.orders": Place(place.epoch, 1)})
            path, headers = URL, bearer(sidecar)
            if way == "address":
                path += f"&last_event_id={last}"
            else:
                headers["last-event-id"] = last
            async with opened(sidecar, path, **headers) as events:
                await events.next()
                assert (await events.next())[1]["resumed"]
                _, said = await events.next()
                assert [one["data"]["n"] for one in said["items"]] == [2, 3]

    scenario()


@in_loop
async def test_a_ticket_opens_one_stream() -> None:
    async with running_sidecar() as sidecar:
        path = f"{URL}&ticket={await sidecar.ticket()}"
        async with opened(sidecar, path) as events:
            await events.next()
        assert await status(sidecar, path) == 401


@in_loop
async def test_who_may_not_read_gets_a_status() -> None:
    async with running_sidecar() as sidecar:
        viewer = bearer(sidecar)
        assert await status(sidecar, URL) == 401
        assert await status(sidecar, URL, authorization="Bearer ak_a_b") == 401
        assert await status(sidecar, "/events?channel=alerts", **viewer) == 403
        assert await status(sidecar, "/events?channel=no.such", **viewer) == 403
        assert await status(sidecar, "/events", **viewer) == 400
        assert await status(sidecar, f"{URL}&channel=windows.orders", **viewer) == 400
        bad = viewer | {"last-event-id": "nonsense"}
        assert await status(sidecar, URL, **bad) == 400
        elsewhere = viewer | {"origin": "https://evil.example"}
        assert await status(sidecar, URL, **elsewhere) == 403
        assert sidecar.push.warden.connections == 0


@in_loop
async def test_a_key_that_expires_ends_the_stream_with_a_reason() -> None:
    async with running_sidecar() as sidecar:
        headers = bearer(sidecar, lifetime=soon(4))
        async with opened(sidecar, **headers) as events:
            while True:
                name, said = await events.next()
                if name == "close":
                    break
            assert said["code"] == 4401
            with pytest.raises(EOFError):
                await events.next()
        assert sidecar.push.warden.connections == 0


@in_loop
async def test_an_idle_stream_hears_a_heartbeat() -> None:
    patience = Patience(heartbeat_seconds=0.5)
    async with (
        running_sidecar(patience=patience) as sidecar,
        opened(sidecar, **bearer(sidecar)) as events,
    ):
        kinds = [(await events.next())[1]["type"] for _ in range(3)]
        assert kinds == ["welcome", "subscribed", "heartbeat"]


@in_loop
async def test_a_stopping_server_ends_its_streams_at_once() -> None:
    async with running_sidecar() as sidecar:
        headers = bearer(sidecar)
        stream = opened(sidecar, **headers)
        events = await stream.__aenter__()
        await events.next()
        began = datetime.now(UTC)
    name = ""
    while name != "close":
        name, said = await events.next()
    assert said["code"] == 1001
    assert (datetime.now(UTC) - began).total_seconds() < 3
    await stream.__aexit__(None, None, None)


@in_loop
async def test_a_reader_that_leaves_is_forgotten() -> None:
    async with running_sidecar() as sidecar:
        async with opened(sidecar, **bearer(sidecar)) as events:
            await events.next()
            assert sidecar.push.warden.connections == 1
        await until(
            lambda: (
                not (sidecar.push.warden.sessions or sidecar.push.warden.connections)
            )
        )
        assert not any(sidecar.hub._readers.values())


@in_loop
async def test_a_reader_that_takes_nothing_is_dropped() -> None:
    patience = Patience(stall_seconds=0.5)
    async with running_sidecar(patience=patience) as sidecar:
        with socket.socket() as reader:
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            reader.connect(("127.0.0.1", sidecar.port))
            path = f"/events?channel=predictions.delay&ticket={await sidecar.ticket()}"
            reader.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            await until(lambda: sidecar.push.warden.sessions)
            for _ in range(300):
                sidecar.hub.publish("predictions.delay", {"text": "x" * 10_000})
                await asyncio.sleep(0.002)
            await until(lambda: not sidecar.push.warden.connections)
            assert sidecar.push.warden.ended == {4408: 1}


def test_an_id_gives_back_the_places_it_was_made_of() -> None:
    places = {"windows.orders": Place(1700000000000, 5), "alerts": Place(7, 0)}
    assert format_id(places) == "windows.orders=1700000000000-5,alerts=7-0"
    assert parse_id(format_id(places)) == places
    assert parse_id("") == {}


@pytest.mark.parametrize("text", ["a", "a=1", "a=-1-2", "a=1-x", "=", "a=1-2;b=1-2"])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(Denied):
        parse_id(text)
