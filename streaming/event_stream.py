"""The same hub as Server-Sent Events: for clients that only read, over plain HTTP."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from analytics_platform.core.access import Principal
from streaming.door import (
    DROP,
    Denied,
    Drop,
    by_header,
    by_ticket,
    check_origin,
    check_room,
)
from streaming.hub.sessions import Session
from streaming.hub.wire import Place, control
from streaming.push import Push

_RETRY = b"retry: 2000\n\n"
_MOST_CHANNELS = 50
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"connection", b"close"),
    (b"x-accel-buffering", b"no"),  # nginx would hold events back
]


async def serve_events(scope: Scope, receive: Receive, send: Send, push: Push) -> None:
    """Serve one stream of events from its request to its end.

    Raises:
        Denied: the request is refused; nothing was sent yet.
    """
    request = Request(scope, receive)
    origin = check_origin(request.headers, push)
    check_room(push)
    ticket = request.query_params.get("ticket")
    principal = await (
        by_header(push, request.headers)
        if ticket is None
        else by_ticket(push, ticket, origin)
    )
    channels = _channels(request, push, principal)
    places = parse_id(_last_id(request))
    outlet = _Stream(scope, send)
    session = outlet.session = Session(push.hub, principal, outlet)
    with push.warden.connection():
        await outlet.open()
        async with push.open_session(session, "events"):
            for name in channels:
                keys = request.query_params.getlist("key")
                session.subscribe(name, places.get(name, "latest"), keys)
            while (await receive())["type"] != "http.disconnect":
                pass


def parse_id(text: str) -> dict[str, Place]:
    """The places in an event's id.

    Raises:
        Denied: it is no id of ours.
    """
    places = {}
    for part in filter(None, text.split(",")):
        channel, _, place = part.partition("=")
        epoch, _, sequence = place.partition("-")
        if not (epoch.isdecimal() and sequence.isdecimal()):
            raise Denied(400, "the Last-Event-ID is none that was given")
        places[channel] = Place(int(epoch), int(sequence))
    return places


def format_id(places: Mapping[str, Place]) -> str:
    """An event's id: where the client is in each channel once it has the event."""
    return ",".join(f"{n}={p.epoch}-{p.sequence}" for n, p in places.items())


def _channels(request: Request, push: Push, principal: Principal) -> list[str]:
    named = request.query_params.getlist("channel")
    if not 0 < len(set(named)) == len(named) <= _MOST_CHANNELS:
        raise Denied(400, "name each channel once: ?channel=...&channel=...")
    is_open = {one.name for one in push.hub.channels if one.is_open_to(principal)}
    for name in named:
        if name not in is_open:
            raise Denied(403, f"no channel {name} is open to you")
    return named


def _last_id(request: Request) -> str:
    """Where the client was; a page that opens a new stream says it in the address."""
    header = request.headers.get("last-event-id")
    return header or request.query_params.get("last_event_id", "")


class _Stream:
    """A response without end that a session writes to."""

    session: Session

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope, self._send = scope, send

    async def open(self) -> None:
        """Begin the response."""
        start = {"type": "http.response.start", "status": 200, "headers": _HEADERS}
        await self._send(start)
        await self._write(_RETRY, more=True)

    async def send(self, text: bytes) -> None:
        """Send an event; waits while the client takes nothing."""
        place = format_id(self.session.places).encode()
        await self._write(b"id: %b\ndata: %b\n\n" % (place, text), more=True)

    async def close(self, code: int, reason: str) -> None:
        """Say why, then end the response."""
        text = control("close", code=int(code), reason=reason)
        await self._write(b"event: close\ndata: %b\n\n" % text, more=False)

    def drop(self, code: int, reason: str) -> None:
        """Cut the connection."""
        drop: Drop = self._scope["extensions"][DROP]
        drop(code, reason)

    async def _write(self, body: bytes, *, more: bool) -> None:
        await self._send(
            {"type": "http.response.body", "body": body, "more_body": more}
        )
