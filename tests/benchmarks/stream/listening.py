"""A WebSocket client that notes when each message came, and how latencies are told."""

import asyncio
import gc
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import orjson
from websockets.asyncio.client import ClientConnection, connect

from analytics_platform.core.access import Role
from analytics_platform.settings import Settings
from tests.support.access import stored_key

_SHARES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
_QUIET_SECONDS = 2.0


@dataclass
class Heard:
    """Every message of a channel with its arrival (seconds since 1970).

    `others` counts what is no message: gaps, conflated spans, resets.
    """

    messages: list[tuple[dict[str, Any], float]] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    latest: float = field(default_factory=time.monotonic)

    def take(self, text: str | bytes) -> None:
        """Note what a frame holds."""
        at, self.latest = time.time(), time.monotonic()
        for item in orjson.loads(text).get("items", ()):
            if item["type"] == "message":
                self.messages.append((item["data"], at))
            else:
                self.others[item["type"]] += 1

    @property
    def is_quiet(self) -> bool:
        """Whether nothing has come for a while."""
        return time.monotonic() - self.latest > _QUIET_SECONDS

    @property
    def said(self) -> str:
        """What was missed, if anything."""
        return ", ".join(f"{n} {name}" for name, n in self.others.items()) or "none"


@dataclass
class Client:
    """One client of the sidecar, reading a channel."""

    connection: ClientConnection

    @classmethod
    async def open(cls, settings: Settings, channel: str) -> Self:
        """Connect, authenticate and subscribe."""
        address = f"ws://127.0.0.1:{settings.ports.sidecar}/ws"
        connection = await connect(address, proxy=None, max_size=None)
        key = await asyncio.to_thread(
            stored_key, settings.control_store_url, Role.VIEWER
        )
        for said in (
            {"type": "authenticate", "token": key},
            {"type": "subscribe", "channel": channel},
        ):
            await connection.send(orjson.dumps(said).decode())
        return cls(connection)

    async def listen(self, is_over: Callable[[], bool]) -> Heard:
        """Hear until it is over and nothing more comes."""
        heard = Heard()
        with _undisturbed():
            while not (is_over() and heard.is_quiet):
                try:
                    async with asyncio.timeout(_QUIET_SECONDS / 4):
                        heard.take(await self.connection.recv())
                except TimeoutError:
                    continue
        await self.connection.close()
        return heard


@contextmanager
def _undisturbed() -> Iterator[None]:
    """No collection of garbage: an instrument must not pause."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def told(latencies: Sequence[float]) -> str:
    """Milliseconds at some ranks and the slowest, of latencies in seconds."""
    found = sorted(latencies)
    ranks = [f"{n} {found[int(len(found) * s)] * 1e3:.0f}" for n, s in _SHARES.items()]
    return f"ms: {', '.join(ranks)}, slowest {found[-1] * 1e3:.0f}"


@dataclass(frozen=True)
class Measured:
    """What the sidecar's metrics say of the time between two looks at them."""

    before: Mapping[str, float]
    after: Mapping[str, float]

    def pauses(self) -> str:
        """Full collections: how many, and how long."""
        label = '{generation="2"}'
        count = self._gained(f"collector_pause_seconds_count{label}")
        seconds = self._gained(f"collector_pause_seconds_sum{label}")
        mean = f" of {seconds / count * 1e3:.1f} ms" if count else ""
        return f"{count:.0f} full collections{mean}"

    def commits(self) -> str:
        """Commits: how many, how long, and how many were slow."""
        count = self._gained("commit_seconds_count")
        mean = self._gained("commit_seconds_sum") / count
        slow = count - self._gained('commit_seconds_bucket{le="0.03"}')
        return f"{count:,.0f} commits of {mean * 1e3:.1f} ms, {slow:.0f} above 30"

    def share_within(self, histogram: str, labels: str, limit: str) -> float:
        """The share of a histogram's observations that were at most `limit`."""
        count = self._gained(f"{histogram}_count{{{labels}}}")
        named = f'{histogram}_bucket{{le="{limit}",{labels}}}'
        return self._gained(named) / count

    def _gained(self, name: str) -> float:
        return self.after.get(name, 0.0) - self.before.get(name, 0.0)
