"""Times pushing to 1,000 WebSocket clients, one of them stalled: `make bench-push`.

Server and clients are processes of their own. Prints figures and asserts none: they
depend on the machine and on what else it does.
"""

import argparse
import asyncio
import base64
import json
import logging
import multiprocessing
import os
import re
import secrets
import socket
import struct
import time
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import psutil

from analytics_platform.observability import configure_logging
from tests.support.push_server import CHANNELS, Sidecar, running_sidecar

CHANNEL = "windows.orders"
KEYS = 20
_SENT = re.compile(rb'"sent_ns":(\d+)')
_SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Plan:
    """How many clients get how many rounds of messages a second, for how long."""

    clients: int
    rounds_per_second: float
    seconds: float

    @property
    def rounds(self) -> int:
        """Rounds in all."""
        return int(self.rounds_per_second * self.seconds)


@dataclass
class Told:
    """What one process of clients saw."""

    latencies_ms: list[float] = field(default_factory=list)
    frames: int = 0
    messages: list[int] = field(default_factory=list)


def main() -> None:
    """Run it and print what it took."""
    plan = _plan()
    print(
        f"{plan.clients} clients, {plan.rounds_per_second:g} rounds a second of {KEYS} "
        f"messages, {plan.seconds:g} s; load {os.getloadavg()[0]:.1f} at the start"
    )
    ours, theirs = _SPAWN.Pipe()
    server = _SPAWN.Process(target=_serve, args=(theirs, plan), daemon=True)
    server.start()
    port, tickets = ours.recv()
    clients_end, reports = _SPAWN.Pipe()
    clients = _SPAWN.Process(
        target=_listen, args=(reports, port, tickets, plan), daemon=True
    )
    clients.start()
    assert clients_end.recv() == "connected"
    ours.send("go")
    told: Told = clients_end.recv()
    cost: dict[str, Any] = ours.recv()
    _show(plan, told, cost)
    server.join(10)


def _show(plan: Plan, told: Told, cost: dict[str, Any]) -> None:
    found = sorted(told.latencies_ms)
    expected = plan.rounds * KEYS
    complete = sum(count == expected for count in told.messages)
    for name, share in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)):
        print(f"{name:<28} {found[int(len(found) * share)]:8.1f} ms")
    print(f"{'slowest':<28} {found[-1]:8.1f} ms")
    print(
        f"{'frames a client and second':<28} "
        f"{told.frames / len(told.messages) / plan.seconds:8.1f}"
    )
    print(f"{'clients that got everything':<28} {complete:8} of {len(told.messages)}")
    print(f"{'a frame costs':<28} {cost.pop('cpu') / told.frames * 1e6:8.0f} us")
    for name, value in cost.items():
        print(f"{name:<28} {value}")


def _plan() -> Plan:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=1_000)
    parser.add_argument("--rate", type=float, default=10, help="rounds a second")
    parser.add_argument("--seconds", type=float, default=30)
    given = parser.parse_args()
    return Plan(given.clients, given.rate, given.seconds)


def _serve(pipe: Connection, plan: Plan) -> None:
    configure_logging(format="console", level="WARNING")
    logging.getLogger("streaming").setLevel(logging.WARNING)
    asyncio.run(_serve_all(pipe, plan))


async def _serve_all(pipe: Connection, plan: Plan) -> None:
    async with running_sidecar(CHANNELS, frame_seconds=0.02) as sidecar:
        principal = await sidecar.push.credentials.of_key(sidecar.keys.make())
        give = sidecar.push.credentials.give_ticket
        tickets = [(await give(principal, None))[0] for _ in range(plan.clients)]
        pipe.send((sidecar.port, tickets))
        while not pipe.poll():  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        pipe.recv()
        sidecar.collection.settle()
        process = psutil.Process()
        before, cpu = process.memory_info().rss, time.process_time()
        began, load = time.monotonic(), os.getloadavg()[0]
        await _publish(sidecar, plan)
        wall = time.monotonic() - began
        await asyncio.sleep(1)
        used = time.process_time() - cpu
        pipe.send(
            {
                "cpu": used,
                "server's processor": f"{used / wall:8.0%} of a core",
                "memory at the start": f"{before / 1e6:8.0f} MB",
                "memory at the end": f"{process.memory_info().rss / 1e6:8.0f} MB",
                "closed, by code": f"{sidecar.push.warden.ended}",
                "load": f"{load:8.1f} to {os.getloadavg()[0]:.1f}",
            }
        )


async def _publish(sidecar: Sidecar, plan: Plan) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    for turn in range(plan.rounds):
        await asyncio.sleep(began + turn / plan.rounds_per_second - loop.time())
        for key in range(KEYS):
            values = {"orders": turn, "late": key, "mean_delay_minutes": 12.5}
            payload = {
                "start_ms": turn * 1000,
                "end_ms": turn * 1000 + 1000,
                "sent_ns": time.time_ns(),
                "values": values,
            }
            sidecar.hub.publish(CHANNEL, payload, key=f"K{key:02}")


def _listen(pipe: Connection, port: int, tickets: list[str], plan: Plan) -> None:
    asyncio.run(_listen_all(pipe, port, tickets, plan))


async def _listen_all(
    pipe: Connection, port: int, tickets: list[str], plan: Plan
) -> None:
    loop = asyncio.get_running_loop()
    told, clients = Told(), []
    for ticket in tickets:
        _, client = await loop.create_connection(
            partial(Client, ticket, told), "127.0.0.1", port
        )
        await client.ready.wait()
        clients.append(client)
    clients[0].stall()
    pipe.send("connected")
    await asyncio.sleep(plan.seconds + 3)
    told.messages = [client.messages for client in clients[1:]]
    pipe.send(told)


class Client(asyncio.Protocol):
    """A WebSocket client that costs next to nothing: it only looks for timestamps."""

    def __init__(self, ticket: str, told: Told) -> None:
        self.ready = asyncio.Event()
        self.messages = 0
        self._ticket, self._told = ticket, told
        self._rest = b""
        self._is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        transport.write(
            f"GET /ws?ticket={self._ticket} HTTP/1.1\r\nHost: localhost\r\n"
            f"Upgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        now = time.time_ns()
        data = self._rest + data
        if not self._is_open:
            head, end, data = data.partition(b"\r\n\r\n")
            assert not end or b" 101 " in head, head
            self._is_open = bool(end)
            self._say({"type": "subscribe", "channel": CHANNEL})
        while (frame := _frame(data)) is not None:
            opcode, payload, data = frame
            if opcode == 9:
                self._send(0xA, payload)
            self._read(payload, now)
        self._rest = data

    def stall(self) -> None:
        """Take nothing more."""
        self._transport.pause_reading()

    def _read(self, payload: bytes, now: int) -> None:
        if payload.startswith(b'{"type":"subscribed"'):
            self.ready.set()
        elif payload.startswith(b'{"type":"frame"'):
            self._told.frames += 1
            for sent in _SENT.findall(payload):
                self.messages += 1
                self._told.latencies_ms.append((now - int(sent)) / 1e6)

    def _say(self, request: dict[str, object]) -> None:
        self._send(1, json.dumps(request).encode())

    def _send(self, opcode: int, payload: bytes) -> None:
        head = bytes((0x80 | opcode, 0x80 | len(payload))) + b"\0\0\0\0"
        self._transport.write(head + payload)


def _frame(data: bytes) -> tuple[int, bytes, bytes] | None:
    """The first frame in `data` as (opcode, payload), and the rest."""
    if len(data) < 2:
        return None
    size, start = data[1] & 0x7F, 2
    if size == 126 and len(data) >= 4:
        size, start = struct.unpack_from("!H", data, 2)[0], 4
    elif size == 127 and len(data) >= 10:
        size, start = struct.unpack_from("!Q", data, 2)[0], 10
    elif size > 125:
        return None
    if len(data) < start + size:
        return None
    return data[0] & 0x0F, data[start : start + size], data[start + size :]


if __name__ == "__main__":
    main()
