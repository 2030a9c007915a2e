"""Checks the credentials of subscribers against the stores of keys and tickets."""

import asyncio
import secrets
from collections.abc import Collection
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from analytics_platform.clock import Clock
from analytics_platform.core.access import (
    TICKET_PREFIX,
    ApiKey,
    Principal,
    authenticate,
    digest_of,
    issue_ticket,
    key_id,
    redeem,
)
from analytics_platform.errors import Unavailable
from streaming.tickets import Tickets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_ANSWER_SECONDS = 5


class KeyStore(Protocol):
    """The kept keys: the control store's, or a test's."""

    def find(self, id: str) -> ApiKey | None:
        """The key of this id, whatever its state."""
        ...

    def mark_used(self, key: ApiKey, now: datetime) -> None:
        """Remember that it was used."""
        ...

    def unusable(self, ids: Collection[str], now: datetime) -> set[str]:
        """Those of `ids` that are revoked, expired or unknown."""
        ...


class Credentials:
    """Who somebody is, by what they show.

    The clock is the wall's: access does not depend on what time the platform replays.
    """

    def __init__(
        self, keys: KeyStore, tickets: Tickets, clock: Clock, *, ticket_seconds: int
    ) -> None:
        self._keys, self._tickets, self._clock = keys, tickets, clock
        self._ticket_life = timedelta(seconds=ticket_seconds)

    def now(self) -> datetime:
        """The instant by which credentials are judged."""
        return self._clock.now()

    async def of_key(self, text: str) -> Principal:
        """Whom an API key stands for.

        Raises:
            AccessDenied: it gives no access.
            Unavailable: the store of keys does not answer.
        """
        name = key_id(text)
        async with _answering("keys"):
            known = await asyncio.to_thread(self._keys.find, name)
            principal = authenticate(text, known, now=self.now())
            if known is not None:
                await asyncio.to_thread(self._keys.mark_used, known, self.now())
        return principal

    async def of_ticket(self, text: str, origin: str | None) -> Principal:
        """Whom a ticket stands for, which is used up by this.

        Raises:
            AccessDenied: it gives no access.
            Unavailable: the store of tickets does not answer.
        """
        async with _answering("tickets"):
            ticket = await self._tickets.take(digest_of(text))
        return redeem(ticket, origin, now=self.now())

    async def of_token(self, text: str, origin: str | None) -> Principal:
        """Whom an API key or a ticket stands for.

        Raises:
            AccessDenied: it gives no access.
            Unavailable: a store does not answer.
        """
        if text.startswith(f"{TICKET_PREFIX}_"):
            return await self.of_ticket(text, origin)
        return await self.of_key(text)

    async def give_ticket(
        self, principal: Principal, origin: str | None
    ) -> tuple[str, datetime]:
        """A new ticket for pages of `origin`, and when it expires.

        Raises:
            Unavailable: the store of tickets does not answer, or is full.
        """
        now = self.now()
        ends = min(filter(None, (now + self._ticket_life, principal.expires_at)))
        text, ticket = issue_ticket(
            principal, origin, ends=ends, random=secrets.token_hex
        )
        async with _answering("tickets"):
            await self._tickets.put(ticket, now)
        return text, ends

    async def unusable(self, ids: Collection[str]) -> set[str]:
        """Those of the keys that opened connections and open nothing any more.

        Raises:
            Unavailable: the store of keys does not answer.
        """
        async with _answering("keys"):
            return await asyncio.to_thread(self._keys.unusable, ids, self.now())


@asynccontextmanager
async def _answering(what: str) -> "AsyncIterator[None]":
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            yield
    except (TimeoutError, OSError) as error:
        raise Unavailable(
            f"The store of {what} does not answer.", hint="Try again in a minute."
        ) from error
