"""The JSON that goes to clients: messages, markers, frames; the protocol's words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

import orjson

from streaming.hub.channels import Channel


class Close(IntEnum):
    """Why the server closed a WebSocket; docs/streaming.md lists them."""

    GOING_AWAY = 1001
    FAILED = 1011
    MALFORMED = 4400
    UNAUTHENTICATED = 4401
    FORBIDDEN = 4403
    STALLED = 4408
    SUBSCRIBED_TWICE = 4409
    TOO_MANY = 4429


@dataclass(frozen=True)
class Cause:
    """What a message follows from: when it was sent to the broker, in which trace."""

    sent_ms: int | None = None
    trace: str | None = None


NO_CAUSE = Cause()


@dataclass(frozen=True)
class Place:
    """A place in a channel: after the message `sequence` of the life `epoch`."""

    epoch: int
    sequence: int


def payload_bytes(payload: bytes | Mapping[str, object]) -> bytes:
    """A payload as one line of JSON; bytes are taken to be JSON already."""
    if isinstance(payload, bytes):
        # A raw line end stands between JSON's tokens only; it would end an SSE line.
        return payload.replace(b"\n", b" ") if b"\n" in payload else payload
    return orjson.dumps(payload, option=orjson.OPT_SERIALIZE_NUMPY)


class Envelopes:
    """Writes the messages of one channel; what never changes is written once."""

    def __init__(self, channel: Channel) -> None:
        name = orjson.dumps(channel.name)
        kind = orjson.dumps(channel.kind)
        self._head = b'{"type":"message","channel":%b,"kind":%b,"epoch":' % (name, kind)

    def write(
        self, place: Place, key: str | None, payload: bytes, cause: Cause
    ) -> bytes:
        """The JSON of one message."""
        parts = [
            self._head,
            b'%d,"sequence":%d,"key":' % (place.epoch, place.sequence),
            b"null" if key is None else orjson.dumps(key),
        ]
        if cause.sent_ms is not None:
            parts.append(b',"sent_ms":%d' % cause.sent_ms)
        if cause.trace is not None:
            parts.append(b',"trace":%b' % orjson.dumps(cause.trace))
        parts += (b',"data":', payload, b"}")
        return b"".join(parts)


def frame(items: Sequence[bytes]) -> bytes:
    """A frame of messages and markers, in the order in which they hold."""
    return b'{"type":"frame","items":[%b]}' % b",".join(items)


def control(type: str, **fields: object) -> bytes:
    """Any other thing that the server says."""
    return orjson.dumps({"type": type, **fields})


def marker(type: str, channel: str, epoch: int, **fields: object) -> bytes:
    """An item of a frame that is no message: gap, conflated, reset."""
    return orjson.dumps({"type": type, "channel": channel, "epoch": epoch, **fields})
