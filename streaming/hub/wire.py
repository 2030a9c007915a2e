"""The JSON that goes to clients: messages, markers, frames; the protocol's words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import accumulate, chain, groupby, repeat

import msgspec
import orjson

from streaming.hub.channels import Channel

_keys = msgspec.json.Encoder()


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

Run = tuple[Cause, int]
"""A cause, and how many messages in a row follow from it."""


@dataclass(frozen=True)
class Place:
    """A place in a channel: after the message `sequence` of the life `epoch`."""

    epoch: int
    sequence: int


@dataclass(frozen=True, eq=False)
class Batch:
    """n messages of one channel in their order: keys, JSON without line ends, causes.

    The runs of `causes` add up to n.
    """

    keys: Sequence[str | None]
    payloads: Sequence[bytes]
    causes: Sequence[Run]

    def __len__(self) -> int:
        return len(self.payloads)

    def after(self, count: int) -> "Batch":
        """All but the first `count` messages."""
        if not count:
            return self
        return Batch(self.keys[count:], self.payloads[count:], self._runs(count))

    def at(self, rows: Sequence[int]) -> "Batch":
        """The messages at some places."""
        causes = list(chain.from_iterable(repeat(*run) for run in self.causes))
        runs = groupby((causes[row] for row in rows), key=id)
        same = [list(run) for _, run in runs]
        return Batch(
            [self.keys[row] for row in rows],
            [self.payloads[row] for row in rows],
            [(run[0], len(run)) for run in same],
        )

    def _runs(self, count: int) -> list[Run]:
        ends = accumulate(size for _, size in self.causes)
        left = zip(self.causes, ends, strict=True)
        return [
            (cause, min(size, end - count))
            for (cause, size), end in left
            if end > count
        ]


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

    def write(self, epoch: int, sequences: Sequence[int], batch: Batch) -> list[bytes]:
        """The JSON of each message; `sequences` are their places in the epoch."""
        count = len(batch)
        if not count:
            return []
        parts = zip(
            repeat(b'%b%d,"sequence":' % (self._head, epoch), count),
            orjson.dumps(list(sequences))[1:-1].split(b","),
            repeat(b',"key":', count),
            _keys.encode_lines(batch.keys)[:-1].split(b"\n"),
            chain.from_iterable(map(_tails, batch.causes)),
            batch.payloads,
            repeat(b"}", count),
            strict=True,
        )
        return list(map(b"".join, parts))

    def payload(self, message: bytes) -> bytes:
        """The payload of a message that was written here."""
        # In a text of JSON a quotation mark is escaped: this is found nowhere before.
        return message.partition(b',"data":')[2][:-1]


def _tails(run: Run) -> Iterator[bytes]:
    """What stands between key and payload of the messages of one cause."""
    cause, count = run
    parts = []
    if cause.sent_ms is not None:
        parts.append(b',"sent_ms":%d' % cause.sent_ms)
    if cause.trace is not None:
        parts.append(b',"trace":%b' % orjson.dumps(cause.trace))
    return repeat(b"".join((*parts, b',"data":')), count)


def frame(items: Sequence[bytes]) -> bytes:
    """A frame of messages and markers, in the order in which they hold."""
    return b'{"type":"frame","items":[%b]}' % b",".join(items)


def control(type: str, **fields: object) -> bytes:
    """Any other thing that the server says."""
    return orjson.dumps({"type": type, **fields})


def marker(type: str, channel: str, epoch: int, **fields: object) -> bytes:
    """An item of a frame that is no message: gap, conflated, reset."""
    return orjson.dumps({"type": type, "channel": channel, "epoch": epoch, **fields})
