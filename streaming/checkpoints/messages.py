"""Messages of an output blob: what a topic will be sent, in order, versioned."""

from collections.abc import Sequence
from itertools import chain, repeat

import msgspec

from analytics_platform.core.traces import TRACEPARENT
from analytics_platform.errors import DamagedRecord

_VERSIONS = (1, 2)  # messages one by one, and lines: the tags below


class Message(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A record to send: key, value and headers as bytes."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


class Lines(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """Records to send as columns (n): keys, values, and runs of a trace in common.

    The counts of `traces` add up to n.
    """

    keys: Sequence[str]
    values: Sequence[bytes]
    traces: Sequence[tuple[str | None, int]]

    def messages(self) -> "list[Message]":
        """The same, one by one."""
        headers = chain.from_iterable(
            repeat(traced(trace), count) for trace, count in self.traces
        )
        rows = zip(self.keys, self.values, headers, strict=True)
        return [Message(key.encode(), value, found) for key, value, found in rows]


class _Messages(msgspec.Struct, frozen=True, array_like=True, tag=1):
    messages: Sequence[Message]


class _Versioned(msgspec.Struct, frozen=True, array_like=True):
    version: int


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Messages | Lines)
_version = msgspec.msgpack.Decoder(_Versioned)


def traced(trace: str | None) -> tuple[tuple[str, bytes], ...]:
    """The headers that say in which trace a record was made."""
    return () if trace is None else ((TRACEPARENT, trace.encode()),)


def trace_of(message: Message) -> str | None:
    """In which trace a record was made, if its headers say so."""
    found = dict(message.headers).get(TRACEPARENT)
    return found.decode() if found else None


def encode_messages(messages: Sequence[Message]) -> bytes:
    """The messages as one blob (MessagePack)."""
    return _encoder.encode(_Messages(messages))


def encode_lines(lines: Lines) -> bytes:
    """The lines as one blob (MessagePack)."""
    return _encoder.encode(lines)


def decode_messages(body: bytes) -> Sequence[Message]:
    """The messages of a blob, or the lines one by one.

    Raises:
        DamagedRecord: it holds neither, or in a format from the future.
    """
    found = decode_output(body)
    return found.messages() if isinstance(found, Lines) else found


def decode_output(body: bytes) -> Sequence[Message] | Lines:
    """What a blob holds.

    Raises:
        DamagedRecord: it holds neither, or in a format from the future.
    """
    try:
        found = _decoder.decode(body)
    except msgspec.DecodeError as error:
        raise _damaged(_problem(body)) from error
    return found if isinstance(found, Lines) else found.messages


def _problem(body: bytes) -> str:
    try:
        version = _version.decode(body).version
    except msgspec.DecodeError:
        return "cannot be read"
    if version in _VERSIONS:
        return "cannot be read"
    return f"has version {version} instead of {_VERSIONS[-1]}"


def _damaged(what: str) -> DamagedRecord:
    return DamagedRecord(
        f"A stored blob of messages {what}.",
        hint="It was damaged, or written by a newer version of the platform.",
    )
