"""What a client may say: authenticate, subscribe, unsubscribe; nothing else."""

from collections import deque
from typing import Annotated, Literal

import msgspec

from streaming.hub.sessions import Ended, Session
from streaming.hub.wire import Close, Place

MAX_REQUEST_BYTES = 16_384
_KEYS = 100
_Name = Annotated[str, msgspec.Meta(max_length=200)]


class Authenticate(
    msgspec.Struct, tag="authenticate", tag_field="type", forbid_unknown_fields=True
):
    """The first frame of a connection that was opened without a ticket."""

    token: _Name


class Subscribe(
    msgspec.Struct, tag="subscribe", tag_field="type", forbid_unknown_fields=True
):
    """Read a channel, from after the place `after` if given; `keys` limit it."""

    channel: _Name
    after: Place | None = None
    start: Literal["latest", "start"] = "latest"
    keys: Annotated[list[_Name], msgspec.Meta(max_length=_KEYS)] = []


class Unsubscribe(
    msgspec.Struct, tag="unsubscribe", tag_field="type", forbid_unknown_fields=True
):
    """Read a channel no more."""

    channel: _Name


Request = Authenticate | Subscribe | Unsubscribe
_DECODER = msgspec.json.Decoder(Request)


def parse(text: str) -> Request:
    """What a frame says.

    Raises:
        Ended: it is nothing that a client may say.
    """
    if len(text) > MAX_REQUEST_BYTES:
        raise Ended(Close.MALFORMED, "the request is too long")
    try:
        request: Request = _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise Ended(Close.MALFORMED, f"not a request: {error}"[:120]) from error
    return request


def obey(session: Session, request: Request) -> None:
    """Do what the client of a session asks for.

    Raises:
        Ended: it asks for what it may not have, or for what makes no sense now.
    """
    match request:
        case Subscribe():
            start = request.after or request.start
            session.subscribe(request.channel, start, request.keys)
        case Unsubscribe():
            session.unsubscribe(request.channel)
        case Authenticate():
            raise Ended(Close.MALFORMED, "authenticated already")


class Allowance:
    """At most `most` requests within `seconds`."""

    def __init__(self, most: int = 100, seconds: float = 10) -> None:
        self._most, self._seconds = most, seconds
        self._times: deque[float] = deque()

    def use(self, now: float) -> None:
        """Count a request made at `now` (monotonic seconds).

        Raises:
            Ended: there were too many.
        """
        while self._times and self._times[0] <= now - self._seconds:
            self._times.popleft()
        if len(self._times) >= self._most:
            raise Ended(Close.TOO_MANY, "too many requests")
        self._times.append(now)
