"""The HTTP and WebSocket server: uvicorn, able to cut off a client that stalls."""

import asyncio
import socket
import struct
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import (
    WebSocketsSansIOProtocol,
)
from websockets.http11 import Request

from streaming.door import DROP, WRITE
from streaming.hub.requests import MAX_REQUEST_BYTES
from streaming.hub.wire import Close
from streaming.push import Push

_LAST_WORDS_SECONDS = 1.0
_GRACE_SECONDS = 5
# Left to itself the kernel would keep megabytes of old news for every slow reader.
_SEND_BUFFER_BYTES = 128 * 1024


class PushServer(uvicorn.Server):
    """Tells every client that it stops before it stops."""

    def __init__(self, config: uvicorn.Config, push: Push) -> None:
        super().__init__(config)
        self._push = push

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the sessions, so that their connections need not be waited for."""
        self._push.warden.end_all(Close.GOING_AWAY, "the server stops")
        await asyncio.sleep(0)  # the sessions' last words
        await super().shutdown(sockets)


def build_server(app: ASGIApp, push: Push, *, host: str, port: int) -> PushServer:
    """A server of `app`; `await server.serve()` runs it until `should_exit`."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=_Http,
        ws=_WebSocket,
        ws_per_message_deflate=False,  # 1,000 clients would compress a frame each
        ws_max_size=MAX_REQUEST_BYTES,
        access_log=False,  # tickets stand in addresses
        log_config=None,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    return PushServer(config, push)


class _WebSocket(WebSocketsSansIOProtocol):
    """Offers the application what ASGI has no message for."""

    def handle_connect(self, event: Request) -> None:
        """Begin the handshake."""
        super().handle_connect(event)
        if getattr(self, "scope", None) is not None:
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions |= {DROP: self._drop, WRITE: self._write}

    async def send(self, message: ASGISendEvent) -> None:
        """Do what the application says; a refusal completes the handshake too."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = not message.get("more_body", False)

    async def _write(self, text: bytes) -> None:
        """Send a text frame: the same bytes for everybody, so no encoder is asked."""
        await self.writable.wait()
        if self.disconnected or self.close_sent:
            raise ConnectionResetError("the connection is closed")
        self.transport.write(text_head(len(text)) + text)

    def _drop(self, code: int, reason: str) -> None:
        # The code waits behind what was not taken: it is read if the client wakes up.
        if not self.close_sent and not self.transport.is_closing():
            self.conn.send_close(code, reason)
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
        self.loop.call_later(_LAST_WORDS_SECONDS, self.transport.abort)


def text_head(size: int) -> bytes:
    """The header of an unmasked, final text frame (RFC 6455, section 5.2)."""
    if size < 126:
        return bytes((0x81, size))
    if size < 65_536:
        return struct.pack("!BBH", 0x81, 126, size)
    return struct.pack("!BBQ", 0x81, 127, size)


class _Http(HttpToolsProtocol):
    """The same for a response without end."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection; the kernel keeps little of what nobody takes."""
        super().connection_made(transport)
        connection = transport.get_extra_info("socket")
        if connection is not None:
            size = _SEND_BUFFER_BYTES
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]
        scope["extensions"] = {DROP: self._drop}

    def _drop(self, _code: int, _reason: str) -> None:
        self.loop.call_later(_LAST_WORDS_SECONDS, self.transport.abort)
