"""Shows clients what a partition's former owner committed and may not have pushed."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

import msgspec

from streaming.checkpoints.messages import Message, decode_messages
from streaming.checkpoints.values import PendingOutput
from streaming.fanout import Publisher
from streaming.hub.hub import Hub
from streaming.hub.wire import Batch, Cause
from streaming.outgoing import Outlet, prediction_channel, window_channel

_JOIN_SECONDS = 2.0


class Recall:
    """Publishes undelivered outputs again, but for those that the clients have.

    Of a live window no more than the last result of each key: that is what a client
    who was away gets as well. A client may get a message twice, with the same values.
    """

    def __init__(
        self, hub: Hub, publisher: Publisher, joined: asyncio.Event | None = None
    ) -> None:
        """`joined` is set once the hub has what other replicas published."""
        self._hub, self._publisher, self._joined = hub, publisher, joined

    async def __call__(self, pending: Sequence[PendingOutput]) -> None:
        """Publish what partitions' former owner committed and had not delivered.

        Raises:
            DamagedRecord: a stored output cannot be read.
        """
        found = await asyncio.to_thread(_by_channel, pending)
        if found and self._joined:
            with suppress(TimeoutError):  # Redis is away: rather twice than never
                await asyncio.wait_for(self._joined.wait(), _JOIN_SECONDS)
        for channel in found.keys() & self._hub.rings.keys():
            shown, known = found[channel], self._hub.ring(channel).payloads()
            news = [one for one in shown if one.payload not in known]
            if news:
                self._publisher.publish_all(channel, _batch(news))


class _Shown(NamedTuple):
    key: str
    payload: bytes
    trace: str | None


class _Named(msgspec.Struct):
    """What a result or a prediction says of where it belongs."""

    window: str = ""
    prediction: str = ""

    @property
    def channel(self) -> str:
        if self.window:
            return window_channel(self.window)
        return prediction_channel(self.prediction)


_NAMED = msgspec.json.Decoder(_Named)


def _by_channel(pending: Iterable[PendingOutput]) -> dict[str, list[_Shown]]:
    found: dict[str, list[_Shown]] = {}
    for channel, shown in _messages(pending):
        found.setdefault(channel, []).append(shown)
    return {
        channel: _last_of_each_key(some) if channel.startswith("windows.") else some
        for channel, some in found.items()
    }


def _messages(pending: Iterable[PendingOutput]) -> Iterator[tuple[str, _Shown]]:
    for one in pending:
        if one.output.kind == Outlet.DEAD_LETTERS:
            continue  # clients are shown another form of them
        for message in decode_messages(one.output.body):
            value = message.value or b""
            key = (message.key or b"").decode()
            yield _NAMED.decode(value).channel, _Shown(key, value, _trace(message))


def _trace(message: Message) -> str | None:
    for name, value in message.headers:
        if name == "traceparent" and value:
            return value.decode()
    return None


def _last_of_each_key(shown: Iterable[_Shown]) -> list[_Shown]:
    last: dict[str, _Shown] = {}
    for one in shown:
        last.pop(one.key, None)  # its place is that of its last
        last[one.key] = one
    return list(last.values())


def _batch(shown: Sequence[_Shown]) -> Batch:
    return Batch(
        [one.key for one in shown],
        [one.payload for one in shown],
        [(Cause(trace=one.trace), 1) for one in shown],
    )
