"""The WebSocket: its handshake, what its client says, what is written to it."""

import asyncio

from starlette.websockets import WebSocket, WebSocketDisconnect

from analytics_platform.core.access import AccessDenied, Principal
from analytics_platform.errors import Unavailable
from analytics_platform.observability import get_logger
from streaming.door import (
    DROP,
    WRITE,
    Denied,
    Drop,
    Write,
    by_ticket,
    check_origin,
    check_room,
)
from streaming.hub.requests import Allowance, Authenticate, obey, parse
from streaming.hub.sessions import Ended, Session
from streaming.hub.wire import Close
from streaming.push import Push

log = get_logger(__name__)

AUTHENTICATE_SECONDS = 5


async def serve_socket(websocket: WebSocket, push: Push) -> None:
    """Serve one WebSocket from its handshake to its end."""
    try:
        principal = await _before_accept(websocket, push)
    except Denied as denied:
        await websocket.send_denial_response(denied.response())
        return
    with push.warden.connection():
        try:
            await websocket.accept()
            await _serve_accepted(websocket, push, principal)
        except WebSocketDisconnect:
            log.debug("client_gone")


async def _before_accept(websocket: WebSocket, push: Push) -> Principal | None:
    origin = check_origin(websocket.headers, push)
    check_room(push)
    ticket = websocket.query_params.get("ticket")
    return None if ticket is None else await by_ticket(push, ticket, origin)


async def _serve_accepted(
    websocket: WebSocket, push: Push, principal: Principal | None
) -> None:
    if principal is None:
        try:
            principal = await _first_frame(websocket, push)
        except Ended as ended:
            await websocket.close(ended.code, ended.reason)
            return
    session = Session(push.hub, principal, _Socket(websocket))
    async with push.open_session(session, "websocket"):
        await _listen(websocket, session)


async def _first_frame(websocket: WebSocket, push: Push) -> Principal:
    """Whom the token in the first frame stands for; until then nothing is sent."""
    try:
        async with asyncio.timeout(AUTHENTICATE_SECONDS):
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message["code"])
            request = parse(message.get("text") or "")
            if isinstance(request, Authenticate):
                origin = websocket.headers.get("origin")
                return await push.credentials.of_token(request.token, origin)
    except TimeoutError:
        pass
    except AccessDenied as error:
        log.warning("token_refused", reason=error.reason.value)
        raise Ended(Close.UNAUTHENTICATED, "the token is refused") from error
    except Unavailable as error:
        raise Ended(Close.UNAUTHENTICATED, "the token was not checked") from error
    except Ended as ended:
        raise Ended(Close.UNAUTHENTICATED, ended.reason) from ended
    raise Ended(Close.UNAUTHENTICATED, "no token came first")


async def _listen(websocket: WebSocket, session: Session) -> None:
    """Do what the client asks for, until it or the session ends."""
    allowance = Allowance()
    loop = asyncio.get_running_loop()
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return
        try:
            allowance.use(loop.time())
            obey(session, parse(message.get("text") or ""))
        except Ended as ended:
            session.end(ended.code, ended.reason)


class _Socket:
    """A WebSocket that a session writes to."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._write: Write = websocket.scope["extensions"][WRITE]

    async def send(self, text: bytes) -> None:
        """Send a text frame; waits while the client takes nothing."""
        await self._write(text)

    async def close(self, code: int, reason: str) -> None:
        """Close with a code that docs/streaming.md explains."""
        await self._websocket.close(code, reason)

    def drop(self, code: int, reason: str) -> None:
        """Send the code for what it is worth, then cut the connection."""
        drop: Drop = self._websocket.scope["extensions"][DROP]
        drop(code, reason)
