"""Who may come in, by WebSocket or by plain HTTP; who may not is told by a status."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.responses import JSONResponse, Response

from analytics_platform.core.access import (
    AccessDenied,
    Principal,
    Refusal,
    is_origin_allowed,
)
from analytics_platform.errors import PlatformError, Unavailable
from analytics_platform.observability import get_logger
from streaming.push import Push

log = get_logger(__name__)

# What streaming/server.py offers besides ASGI: to cut off a client that takes nothing,
# and to send it a text frame without encoding it once more.
DROP, WRITE = "push.drop", "push.write"
Drop = Callable[[int, str], None]
Write = Callable[[bytes], Awaitable[None]]
NOT_KEPT = {"cache-control": "no-store"}


class Denied(PlatformError):
    """A request that is refused, with an HTTP status."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        super().__init__(reason, hint="See docs/streaming.md, Client protocol.")

    def response(self) -> Response:
        """What the client is told."""
        problem = {"status": self.status, "title": self.message}
        asks = {"www-authenticate": "Bearer"} if self.status == 401 else {}
        return JSONResponse(problem, self.status, headers=NOT_KEPT | asks)


def check_room(push: Push) -> None:
    """Let one more in, if there is room.

    Raises:
        Denied: there are as many clients as may be.
    """
    if push.warden.is_full:
        raise Denied(503, "there are as many clients as may be")


def check_origin(headers: Mapping[str, str], push: Push) -> str | None:
    """The origin that a request names, if any.

    Raises:
        Denied: pages of that origin may not connect.
    """
    origin = headers.get("origin")
    if not is_origin_allowed(origin, headers.get("host"), push.origins):
        log.warning("origin_refused", origin=origin)
        raise Denied(403, "pages of this origin may not connect")
    return origin


async def by_ticket(push: Push, ticket: str, origin: str | None) -> Principal:
    """Whom a ticket stands for, which is used up by this.

    Raises:
        Denied: it gives no access here, or nobody can tell now.
    """
    try:
        return await push.credentials.of_ticket(ticket, origin)
    except AccessDenied as error:
        log.warning("ticket_refused", reason=error.reason.value)
        is_elsewhere = error.reason is Refusal.OTHER_ORIGIN
        raise Denied(403 if is_elsewhere else 401, "the ticket is refused") from error
    except Unavailable as error:
        raise Denied(503, error.message) from error


async def by_header(push: Push, headers: Mapping[str, str]) -> Principal:
    """Whom the API key in a request's Authorization header stands for.

    Raises:
        Denied: there is none, it gives no access, or nobody can tell now.
    """
    kind, _, token = headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer":
        raise Denied(401, "send an API key: Authorization: Bearer ak_...")
    try:
        return await push.credentials.of_key(token.strip())
    except AccessDenied as error:
        log.warning("key_refused", reason=error.reason.value)
        raise Denied(401, "the key is refused") from error
    except Unavailable as error:
        raise Denied(503, error.message) from error
