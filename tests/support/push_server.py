"""A real sidecar web server on a free loopback port, and clients that talk to it."""

import asyncio
import json
import secrets
import socket
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from analytics_platform.clock import WallClock
from analytics_platform.core.access import ApiKey, KeyRequest, Role, issue_key
from streaming.app import Outlook, create_app
from streaming.collector import GarbageCollection
from streaming.credentials import Credentials
from streaming.hub.channels import Channel, Kind, channel
from streaming.hub.hub import Hub, Pace
from streaming.metrics import StreamMetrics
from streaming.push import Push
from streaming.server import build_server
from streaming.tickets import MemoryTickets, Tickets
from streaming.warden import Patience, Warden

CHANNELS = (
    channel("windows.orders", "Orders", Kind.WINDOW),
    channel("predictions.delay", "Delays to come", Kind.PREDICTION),
    channel("events.orders", "Every order", Kind.EVENT),
    channel("alerts", "Alerts", Kind.ALERT),
)


class FakeKeys:
    """Keys in memory."""

    def __init__(self) -> None:
        self.keys: dict[str, ApiKey] = {}

    def make(self, *roles: Role, **request: Any) -> str:
        """A new key's text."""
        wanted = KeyRequest("ada", roles or (Role.VIEWER,), **request)
        text, key = issue_key(wanted, now=datetime.now(UTC), random=secrets.token_hex)
        self.keys[key.id] = key
        return text

    def find(self, id: str) -> ApiKey | None:
        return self.keys.get(id)

    def mark_used(self, key: ApiKey, now: datetime) -> None:
        """Nothing to remember."""

    def unusable(self, ids: Collection[str], now: datetime) -> set[str]:
        active = {key.id for key in self.keys.values() if key.state(now) == "active"}
        return set(ids) - active


@dataclass
class Sidecar:
    """What a test holds of a running server."""

    hub: Hub
    push: Push
    keys: FakeKeys
    metrics: StreamMetrics
    port: int
    tickets: Tickets
    collection: GarbageCollection

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def post_ticket(self, key: str | None, **headers: str) -> httpx.Response:
        """Ask for a ticket."""
        if key is not None:
            headers["authorization"] = f"Bearer {key}"
        async with httpx.AsyncClient() as client:
            return await client.post(f"{self.address}/tickets", headers=headers)

    async def ticket(self, *roles: Role, origin: str | None = None) -> str:
        """A ticket of a new key."""
        headers = {"origin": origin} if origin else {}
        answer = await self.post_ticket(self.keys.make(*roles), **headers)
        assert answer.status_code == 201, answer.text
        text: str = answer.json()["ticket"]
        return text

    def connect(
        self, ticket: str | None = None, origin: str | None = None, **options: Any
    ) -> connect:
        """A WebSocket connection, to be awaited or entered."""
        query = "" if ticket is None else f"?ticket={ticket}"
        return connect(
            f"ws://127.0.0.1:{self.port}/ws{query}",
            origin=None if origin is None else Origin(origin),
            proxy=None,
            **options,
        )

    async def joined(self, *roles: Role, **options: Any) -> ClientConnection:
        """A client that has been welcomed."""
        client = await self.connect(await self.ticket(*roles), **options)
        assert (await hear(client))["type"] == "welcome"
        return client

    async def subscribed(
        self, channel: str, *, sock: socket.socket | None = None, **request: Any
    ) -> ClientConnection:
        """A client that reads a channel."""
        client = await self.joined(Role.ADMIN, **({"sock": sock} if sock else {}))
        await say(client, type="subscribe", channel=channel, **request)
        assert (await hear(client))["type"] == "subscribed"
        return client


async def say(client: ClientConnection, **request: Any) -> None:
    """Send a request."""
    await client.send(json.dumps(request))


async def hear(client: ClientConnection) -> dict[str, Any]:
    """The next thing that the server says, but a heartbeat."""
    while True:
        said: dict[str, Any] = json.loads(await asyncio.wait_for(client.recv(), 10))
        if said["type"] != "heartbeat":
            return said


async def items(client: ClientConnection, count: int) -> list[dict[str, Any]]:
    """At least the next `count` items of frames."""
    found: list[dict[str, Any]] = []
    while len(found) < count:
        said = await hear(client)
        assert said["type"] == "frame", said
        found += said["items"]
    return found


@asynccontextmanager
async def running_sidecar(  # noqa: PLR0913 - what tests vary
    channels: Collection[Channel] = CHANNELS,
    *,
    patience: Patience | None = None,
    most: int = 2000,
    origins: Collection[str] = (),
    tickets: Tickets | None = None,
    hub: Hub | None = None,
    frame_seconds: float = 0.001,
) -> AsyncIterator[Sidecar]:
    """A server in this loop, ready for clients."""
    metrics, keys = StreamMetrics(), FakeKeys()
    hub = hub or Hub(
        channels,
        epoch=secrets.randbelow(1_000_000) + 1,
        pace=Pace(seconds=frame_seconds),
        on_latency=metrics.observe_latency,
    )
    kept = tickets or MemoryTickets()
    credentials = Credentials(keys, kept, WallClock(), ticket_seconds=600)
    warden = Warden(credentials, patience or Patience(), most=most)
    push = Push(hub, credentials, warden, origins)
    metrics.watch_push(push)
    collection = GarbageCollection(metrics.collector_pause)
    port = free_port()
    app = create_app(push, Outlook(metrics.text))
    server = build_server(app, push, host="127.0.0.1", port=port)
    task = asyncio.create_task(server._serve())  # signals stay the test runner's
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    try:
        yield Sidecar(hub, push, keys, metrics, port, kept, collection)
    finally:
        server.should_exit = True
        await task


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def soon(seconds: float) -> timedelta:
    """A lifetime."""
    return timedelta(seconds=seconds)
