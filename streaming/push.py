"""What pushing consists of: the hub, who is let in, the sessions that are open."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.websockets import WebSocketDisconnect, WebSocketDisconnected

from analytics_platform.observability import get_logger
from streaming.credentials import Credentials
from streaming.hub.hub import Hub
from streaming.hub.sessions import Session
from streaming.hub.wire import Close
from streaming.warden import Warden

log = get_logger(__name__)


@dataclass(frozen=True)
class Push:
    """One process's side of pushing; `origins` are the other sites that may connect."""

    hub: Hub
    credentials: Credentials
    warden: Warden
    origins: Collection[str] = field(default_factory=frozenset)
    heartbeat_seconds: float = 15

    @asynccontextmanager
    async def open_session(self, session: Session, via: str) -> AsyncIterator[None]:
        """Send to a session's client while the block listens to it."""
        self.hub.join(session)
        self.warden.admit(session)
        self._welcome(session)
        sender = asyncio.create_task(_send(session), name="push")
        log.info("client_joined", client=session.principal.name, via=via)
        try:
            yield
        finally:
            self.hub.leave(session)
            self.warden.dismiss(session)
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)
            code = session.ending and int(session.ending.code)
            log.info("client_left", client=session.principal.name, code=code)

    def _welcome(self, session: Session) -> None:
        principal = session.principal
        ends = principal.expires_at
        channels = [one for one in self.hub.channels if one.is_open_to(principal)]
        session.say(
            "welcome",
            principal=principal.name,
            expires_at=ends and ends.isoformat(timespec="seconds"),
            heartbeat_seconds=self.heartbeat_seconds,
            channels=[
                {
                    "name": one.name,
                    "title": one.title,
                    "kind": one.kind,
                    "policy": one.policy,
                    "epoch": self.hub.ring(one.name).epoch,
                    "sequence": self.hub.ring(one.name).last,
                }
                for one in channels
            ],
        )


async def _send(session: Session) -> None:
    try:
        await session.send_all()
    except (OSError, WebSocketDisconnect, WebSocketDisconnected):
        log.debug("client_gone", client=session.principal.name)
    except Exception:  # one client's failure must not pass for its silence
        log.exception("push_failed", client=session.principal.name)
        session.end(Close.FAILED, "the server failed")
        await session.say_goodbye()
