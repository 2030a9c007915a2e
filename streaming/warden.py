"""Watches over sessions: heartbeats, expired or revoked keys, clients that stall."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from analytics_platform.errors import Unavailable
from analytics_platform.observability import get_logger
from streaming.credentials import Credentials
from streaming.hub.sessions import Ended, Session
from streaming.hub.wire import Close

log = get_logger(__name__)

_LOOK_SECONDS = 0.5
_ASK_SECONDS = 5.0  # a revoked key's connections live at most about this long


@dataclass(frozen=True)
class Patience:
    """How often a client hears from the server, how long it may take nothing."""

    heartbeat_seconds: float = 15
    stall_seconds: float = 10


class Warden:
    """The sessions that are open, and when each must hear something or end."""

    def __init__(
        self, credentials: Credentials, patience: Patience, *, most: int
    ) -> None:
        self.sessions: set[Session] = set()
        self.connections = 0
        self.ended: dict[int, int] = {}
        self._credentials, self._patience, self._most = credentials, patience, most

    @property
    def is_full(self) -> bool:
        """Whether one more client would be too many."""
        return self.connections >= self._most

    @contextmanager
    def connection(self) -> Iterator[None]:
        """Count a connection while the block serves it, authenticated or not."""
        self.connections += 1
        try:
            yield
        finally:
            self.connections -= 1

    def admit(self, session: Session) -> None:
        """Watch over a session from now on."""
        now = asyncio.get_running_loop().time()
        session.next_heartbeat = now + self._patience.heartbeat_seconds
        self.sessions.add(session)

    def dismiss(self, session: Session) -> None:
        """Watch over it no more."""
        self.sessions.discard(session)
        if session.ending is not None:
            code = int(session.ending.code)
            self.ended[code] = self.ended.get(code, 0) + 1

    def end_all(self, code: int, reason: str) -> None:
        """End every session, as when the server stops."""
        for session in list(self.sessions):
            session.end(code, reason)

    async def watch(self) -> None:
        """Look after the sessions until cancelled."""
        loop = asyncio.get_running_loop()
        next_question = loop.time() + _ASK_SECONDS
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self.look(loop.time(), self._credentials.now())
            if loop.time() >= next_question:
                await self.end_unusable()
                next_question = loop.time() + _ASK_SECONDS

    def look(self, now: float, at: datetime) -> None:
        """Judge every session at `now` (monotonic seconds), the instant `at`."""
        for session in list(self.sessions):
            since = session.sending_since
            if session.principal.is_expired(at):
                session.end(Close.UNAUTHENTICATED, "the key has expired")
            elif since is not None and now - since > self._patience.stall_seconds:
                session.end(Close.STALLED, "nothing was taken for too long")
            elif since is None and now >= session.next_heartbeat:
                session.next_heartbeat = now + self._patience.heartbeat_seconds
                _say_heartbeat(session, at)

    async def end_unusable(self) -> None:
        """End the sessions of keys that were revoked meanwhile."""
        ids = {session.principal.key_id for session in self.sessions}
        if not ids:
            return
        try:
            unusable = await self._credentials.unusable(ids)
        except Unavailable as error:  # who is in stays in until the store answers
            log.warning("keys_not_checked", error=str(error))
            return
        for session in _of(unusable, self.sessions):
            session.end(Close.UNAUTHENTICATED, "the key was revoked")


def _of(keys: set[str], sessions: Iterable[Session]) -> list[Session]:
    return [session for session in sessions if session.principal.key_id in keys]


def _say_heartbeat(session: Session, at: datetime) -> None:
    try:
        session.say_heartbeat(at)
    except Ended as ended:
        session.end(ended.code, ended.reason)
