"""The hub: channels that are written once and read by every client at its own pace."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from analytics_platform.errors import NotFound
from streaming.hub.channels import Channel
from streaming.hub.rings import Ring
from streaming.hub.subscriptions import Own, Span, read
from streaming.hub.wire import (
    NO_CAUSE,
    Batch,
    Cause,
    Place,
    frame,
    payload_bytes,
)

_SHARED_FRAMES = 64  # at most 10 MB; clients that keep up need one or a few

Latency = Callable[[Channel, float, int], None]
"""Is told a channel, the seconds from a cause to the handing out of what follows from
it, and how many messages that are."""


class Reader(Protocol):
    """Whoever reads channels; `wake` must only note that there is news."""

    def wake(self) -> None:
        """There may be something new."""
        ...


@dataclass(frozen=True)
class Pace:
    """How often clients get a frame.

    The first message after a pause goes out at once, what follows it within `seconds`
    together. Many clients stretch that, so that pushing leaves at least half a core to
    the rest of the process: a frame to a client costs about 0.025 ms.
    """

    seconds: float
    seconds_per_client: float = 0.00006

    def between_frames(self, clients: int) -> float:
        """Seconds between two frames to `clients` clients."""
        return max(self.seconds, self.seconds_per_client * clients)


class Hub:
    """Every channel's ring and readers. For one event loop: no method takes a lock."""

    def __init__(
        self,
        channels: Iterable[Channel],
        *,
        epoch: int,
        pace: Pace,
        on_latency: Latency | None = None,
    ) -> None:
        self.rings = {one.name: Ring(one, epoch) for one in channels}
        self.published = dict.fromkeys(self.rings, 0)
        self._pace = pace
        self._on_latency = on_latency
        self._readers: dict[str, set[Reader]] = {name: set() for name in self.rings}
        self._clients: set[Reader] = set()
        self._dirty: set[str] = set()
        self._caused: list[tuple[Channel, int, int]] = []
        self._frames: dict[tuple[Span | Own, ...], bytes | None] = {}
        self._timer: asyncio.TimerHandle | asyncio.Handle | None = None
        self._next = 0.0

    @property
    def channels(self) -> list[Channel]:
        """Every channel, in the order of declaration."""
        return [ring.channel for ring in self.rings.values()]

    def publish(
        self,
        channel: str,
        payload: bytes | Mapping[str, object],
        *,
        key: str | None = None,
        cause: Cause = NO_CAUSE,
    ) -> Place:
        """Give a message to every reader of a channel, without waiting for any.

        `payload` is a JSON object or its text. Call it in the event loop's thread,
        once what it says is committed.

        Raises:
            NotFound: there is no such channel.
        """
        batch = Batch([key], [payload_bytes(payload)], [(cause, 1)])
        self.publish_all(channel, batch)
        ring = self.ring(channel)
        return Place(ring.epoch, ring.last)

    def publish_all(self, channel: str, batch: Batch) -> None:
        """Give several messages to every reader of a channel, as `publish` does.

        Raises:
            NotFound: there is no such channel.
        """
        ring = self.ring(channel)
        self.receive(channel, Place(ring.epoch, ring.last + 1), batch)

    def receive(self, channel: str, first: Place, batch: Batch) -> None:
        """Take over messages with places given elsewhere; old ones are ignored."""
        ring = self.ring(channel)
        if first.epoch != ring.epoch:
            ring.restart(first.epoch, last=first.sequence - 1)
        known = max(0, ring.last + 1 - first.sequence)
        batch = batch.after(known)
        if not len(batch):
            return
        ring.append(first.sequence + known, batch)
        self.published[channel] += len(batch)
        if self._on_latency:
            self._caused += [
                (ring.channel, cause.sent_ms, count)
                for cause, count in batch.causes
                if cause.sent_ms is not None
            ]
        self._dirty.add(channel)
        if self._timer is None:
            self._ask_for_frames()

    def ring(self, channel: str) -> Ring:
        """The ring of a channel.

        Raises:
            NotFound: there is no such channel.
        """
        try:
            return self.rings[channel]
        except KeyError:
            raise NotFound(
                f"There is no channel {channel!r}.",
                hint=f"Channels are {', '.join(self.rings) or 'none'}.",
            ) from None

    def join(self, reader: Reader) -> None:
        """Count a client in."""
        self._clients.add(reader)

    def leave(self, reader: Reader) -> None:
        """Forget a client and all it read."""
        self._clients.discard(reader)
        for readers in self._readers.values():
            readers.discard(reader)

    def listen(self, reader: Reader, channel: str) -> None:
        """Wake `reader` when the channel has news."""
        self._readers[channel].add(reader)

    def unlisten(self, reader: Reader, channel: str) -> None:
        """Wake it for this channel no more."""
        self._readers[channel].discard(reader)

    def frame_of(self, parts: tuple[Span | Own, ...]) -> bytes | None:
        """The frame of these parts; None if no message in them is wanted.

        Clients at the same place share one.
        """
        if any(isinstance(part, Own) for part in parts):
            return self._write(parts)
        if parts not in self._frames:
            if len(self._frames) >= _SHARED_FRAMES:
                self._frames.clear()
            self._frames[parts] = self._write(parts)
        return self._frames[parts]

    def _write(self, parts: tuple[Span | Own, ...]) -> bytes | None:
        items: list[bytes] = []
        for part in parts:
            if isinstance(part, Own):
                items += part.items
            else:
                items += read(self.rings[part.channel], part)
        return frame(items) if items else None

    def _ask_for_frames(self) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() >= self._next:
            self._timer = loop.call_soon(self._wake_readers)
        else:
            self._timer = loop.call_at(self._next, self._wake_readers)

    def _wake_readers(self) -> None:
        """Let all who read what is new take one frame each."""
        self._timer = None
        pause = self._pace.between_frames(len(self._clients))
        self._next = asyncio.get_running_loop().time() + pause
        self._frames.clear()
        for channel in self._dirty:
            for reader in self._readers[channel]:
                reader.wake()
        self._dirty.clear()
        self._tell_latency()

    def _tell_latency(self) -> None:
        if self._on_latency:
            now_ms = time.time_ns() / 1e6  # producers stamp records by the wall clock
            for channel, sent_ms, count in self._caused:
                self._on_latency(channel, (now_ms - sent_ms) / 1000, count)
        self._caused.clear()
