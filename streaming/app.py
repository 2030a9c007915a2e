"""The sidecar's web application: tickets, WebSocket, events, metrics, health, page."""

import asyncio
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Lifespan, Receive, Scope, Send
from starlette.websockets import WebSocket

from analytics_platform.errors import Unavailable
from analytics_platform.observability import get_logger
from streaming.door import NOT_KEPT, Denied, by_header, check_origin
from streaming.event_stream import serve_events
from streaming.live_page import live_page, page_headers
from streaming.push import Push
from streaming.websocket import serve_socket

log = get_logger(__name__)

_AGAIN_SECONDS = 1.0

Probe = Callable[[], str | None]
"""Says what is wrong, in one line; None if nothing is."""

Job = Callable[[], Coroutine[None, None, None]]
Answer = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Outlook:
    """What the application shows of its process.

    `metrics` gives the Prometheus text and its content type. While a probe of `live`
    complains, the process should be restarted; of `ready`, it gets no new clients.
    `background` run as long as the application does.
    """

    metrics: Callable[[], tuple[bytes, str]]
    live: Mapping[str, Probe] = field(default_factory=dict)
    ready: Mapping[str, Probe] = field(default_factory=dict)
    background: Sequence[Job] = ()


def create_app(push: Push, outlook: Outlook) -> Starlette:
    """The application over one process's hub."""
    routes = [
        Route("/", _page(), methods=["GET"]),
        Route("/tickets", _tickets(push), methods=["POST"]),
        Route("/events", _Events(push), methods=["GET"]),
        Route("/metrics", _metrics(outlook), methods=["GET"]),
        Route("/health/live", _health(outlook.live), methods=["GET"]),
        Route("/health/ready", _health(outlook.ready), methods=["GET"]),
        WebSocketRoute("/ws", _socket(push)),
    ]
    cors = Middleware(
        CORSMiddleware,
        allow_origins=sorted(push.origins),
        allow_methods=["GET", "POST"],
        allow_headers=["authorization", "content-type", "last-event-id"],
    )
    return Starlette(
        routes=routes,
        middleware=[cors] if push.origins else [],
        exception_handlers={Denied: _refuse},
        lifespan=_lifespan([push.warden.watch, *outlook.background]),
    )


def _page() -> Answer:
    text, headers = live_page(), NOT_KEPT | page_headers()

    async def show(_request: Request) -> Response:
        return HTMLResponse(text, headers=headers)

    return show


def _tickets(push: Push) -> Answer:
    async def give(request: Request) -> Response:
        origin = check_origin(request.headers, push)
        principal = await by_header(push, request.headers)
        try:
            text, ends = await push.credentials.give_ticket(principal, origin)
        except Unavailable as error:
            raise Denied(503, error.message) from error
        body = {"ticket": text, "expires_at": ends.isoformat(timespec="seconds")}
        return JSONResponse(body, 201, headers=NOT_KEPT)

    return give


class _Events:
    """Serves Server-Sent Events; a class, so that Starlette hands over plain ASGI."""

    def __init__(self, push: Push) -> None:
        self._push = push

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one stream."""
        await serve_events(scope, receive, send, self._push)


def _socket(push: Push) -> Callable[[WebSocket], Awaitable[None]]:
    async def serve(websocket: WebSocket) -> None:
        await serve_socket(websocket, push)

    return serve


def _metrics(outlook: Outlook) -> Answer:
    async def show(_request: Request) -> Response:
        body, kind = outlook.metrics()
        return Response(body, headers={"content-type": kind})

    return show


def _health(probes: Mapping[str, Probe]) -> Answer:
    async def judge(_request: Request) -> Response:
        found = {name: probe() for name, probe in probes.items()}
        checks = {name: problem or "ok" for name, problem in found.items()}
        is_well = not any(found.values())
        body = {"status": "ok" if is_well else "failing", "checks": checks}
        return JSONResponse(body, 200 if is_well else 503, headers=NOT_KEPT)

    return judge


async def _refuse(_request: Request, error: Exception) -> Response:
    if not isinstance(error, Denied):
        raise error
    return error.response()


def _lifespan(jobs: Sequence[Job]) -> Lifespan[Starlette]:
    @asynccontextmanager
    async def live(_app: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(_keep_doing(job)) for job in jobs]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    return live


async def _keep_doing(job: Job) -> None:
    """Do a job without end; one that fails is taken up again."""
    while True:
        try:
            await job()
        except Exception:  # clients would go unwatched, and nobody would know
            log.exception("background_job_failed")
        await asyncio.sleep(_AGAIN_SECONDS)
