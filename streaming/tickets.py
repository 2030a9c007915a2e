"""Where one-time tickets wait to be used: in this process, or in Redis for several."""

from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import msgspec

from analytics_platform.core.access import Ticket
from analytics_platform.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redis.asyncio import Redis

_MOST = 10_000


class Tickets(Protocol):
    """Tickets that were given out and not used yet."""

    async def put(self, ticket: Ticket, now: datetime) -> None:
        """Keep a ticket until it expires."""
        ...

    async def take(self, digest: str) -> Ticket | None:
        """Give a ticket out of the store: two takers never get the same one."""
        ...


class MemoryTickets:
    """Tickets of the only process there is."""

    def __init__(self) -> None:
        self._tickets: dict[str, Ticket] = {}

    async def put(self, ticket: Ticket, now: datetime) -> None:
        """Keep a ticket; those that expired make room.

        Raises:
            Unavailable: far too many wait to be used.
        """
        if len(self._tickets) >= _MOST:
            kept = {d: one for d, one in self._tickets.items() if one.expires_at > now}
            self._tickets = kept
        if len(self._tickets) >= _MOST:
            raise Unavailable(
                "Too many tickets wait to be used.", hint="Try again in a minute."
            )
        self._tickets[ticket.digest] = ticket

    async def take(self, digest: str) -> Ticket | None:
        """Give a ticket out of the store."""
        return self._tickets.pop(digest, None)


class RedisTickets:
    """Tickets that any of several processes may be shown."""

    def __init__(self, redis: "Redis", prefix: str) -> None:
        self._redis, self._prefix = redis, prefix

    async def put(self, ticket: Ticket, now: datetime) -> None:
        """Keep a ticket until it expires."""
        life = max(1, int((ticket.expires_at - now).total_seconds() * 1000))
        kept = msgspec.json.encode(ticket)
        with _answering():
            await self._redis.set(self._name(ticket.digest), kept, px=life)

    async def take(self, digest: str) -> Ticket | None:
        """Give a ticket out of the store: Redis hands it to one taker only."""
        with _answering():
            found = await self._redis.getdel(self._name(digest))
        return msgspec.json.decode(found, type=Ticket) if found else None

    def _name(self, digest: str) -> str:
        return f"{self._prefix}:ticket:{digest}"


@contextmanager
def _answering() -> "Iterator[None]":
    from redis.exceptions import RedisError

    try:
        yield
    except RedisError as error:
        raise Unavailable(
            "Redis, where tickets are kept, does not answer.",
            hint="Check ANALYTICS_PUSH__REDIS_URL.",
        ) from error
