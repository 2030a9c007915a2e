"""Shows clients what a partition's former owner committed and may not have pushed."""

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

import msgspec

from streaming.checkpoints.messages import Message, decode_messages, trace_of
from streaming.checkpoints.values import PendingOutput
from streaming.fanout import Publisher
from streaming.hub.hub import Hub
from streaming.hub.wire import Batch, Cause
from streaming.outgoing import Outlet, prediction_channel, window_channel

_JOIN_SECONDS = 2.0
# Clients are shown another form of dead letters, which is not kept.
_SHOWN = (Outlet.RESULTS, Outlet.PREDICTIONS)


class Recall:
    """Publishes undelivered outputs again, from the first that the clients lack.

    A partition's messages are published in the order of its commits: those before one
    that is known were published too. A client may get a message twice, with the same
    values.
    """

    def __init__(
        self, hub: Hub, publisher: Publisher, joined: asyncio.Event | None = None
    ) -> None:
        """`joined` is set once the hub has what other replicas published."""
        self._hub, self._publisher, self._joined = hub, publisher, joined

    async def __call__(self, pending: Sequence[PendingOutput]) -> None:
        """Publish what partitions' former owners committed and had not delivered.

        Of more than half of what a channel keeps, the newest of each partition.

        Raises:
            DamagedRecord: a stored output cannot be read.
        """
        found = await asyncio.to_thread(_by_channel, pending)
        if found and self._joined:
            with suppress(TimeoutError):  # Redis is away: rather twice than never
                await asyncio.wait_for(self._joined.wait(), _JOIN_SECONDS)
        for channel in found.keys() & self._hub.rings.keys():
            ring = self._hub.ring(channel)
            known = ring.payloads()
            news = [_unknown(some, known) for some in found[channel].values()]
            most = ring.channel.capacity // 2 // len(news)
            if batch := [one for some in news for one in some[-most:]]:
                self._publisher.publish_all(channel, _batch(batch))


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
_ByPartition = dict[int, list[_Shown]]


def _by_channel(pending: Iterable[PendingOutput]) -> Mapping[str, _ByPartition]:
    """The messages of each channel, by the store's number of their partition."""
    found: dict[str, _ByPartition] = {}
    for one in sorted(pending, key=lambda one: one.id):
        if one.output.kind in _SHOWN:
            for channel, shown in _messages(decode_messages(one.output.body)):
                partitions = found.setdefault(channel, {})
                partitions.setdefault(one.id.partition_id, []).append(shown)
    return found


def _messages(some: Iterable[Message]) -> Iterator[tuple[str, _Shown]]:
    for message in some:
        value = message.value or b""
        try:
            channel, key = _NAMED.decode(value).channel, (message.key or b"").decode()
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue  # it is delivered as it is; nobody could read it here either
        yield channel, _Shown(key, value, trace_of(message))


def _unknown(shown: Sequence[_Shown], known: Collection[bytes]) -> Sequence[_Shown]:
    """Those that follow the last one that is known."""
    for place in range(len(shown), 0, -1):
        if shown[place - 1].payload in known:
            return shown[place:]
    return shown


def _batch(shown: Sequence[_Shown]) -> Batch:
    return Batch(
        [one.key for one in shown],
        [one.payload for one in shown],
        [(Cause(trace=one.trace), 1) for one in shown],
    )
