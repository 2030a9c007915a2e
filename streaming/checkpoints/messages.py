"""Messages of an output blob: what a topic will be sent, in order, versioned."""

from collections.abc import Sequence

import msgspec

from analytics_platform.errors import DamagedRecord

_VERSION = 1


class Message(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A record to send: key, value and headers as bytes."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


class _Messages(msgspec.Struct, frozen=True, array_like=True):
    version: int
    messages: Sequence[Message]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Messages)


def encode_messages(messages: Sequence[Message]) -> bytes:
    """The messages as one blob (MessagePack)."""
    return _encoder.encode(_Messages(_VERSION, messages))


def decode_messages(body: bytes) -> Sequence[Message]:
    """The messages of a blob.

    Raises:
        DamagedRecord: it holds no messages, or in a format from the future.
    """
    try:
        decoded = _decoder.decode(body)
    except msgspec.DecodeError as error:
        raise _damaged("cannot be read") from error
    if decoded.version != _VERSION:
        raise _damaged(f"has version {decoded.version} instead of {_VERSION}")
    return decoded.messages


def _damaged(what: str) -> DamagedRecord:
    return DamagedRecord(
        f"A stored blob of messages {what}.",
        hint="It was damaged, or written by a newer version of the platform.",
    )
