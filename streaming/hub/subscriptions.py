"""One client's place in one channel, and what it gets next from there."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from streaming.hub.channels import Policy
from streaming.hub.rings import Message, Ring
from streaming.hub.wire import Place, marker

Start = Place | Literal["latest", "start"]
FRAME_MESSAGES = 500  # about 150 kB: more waits for the next frame


class Overrun(Exception):
    """The client fell behind on a channel whose policy is to close."""


class Span(NamedTuple):
    """Messages that many clients get alike: all after one place up to another."""

    channel: str
    epoch: int
    after: int
    last: int
    keys: frozenset[str] | None


class Own(NamedTuple):
    """Markers and latest messages that only this client gets."""

    items: list[bytes]


class Subscription:
    """A cursor into a channel's ring; it holds no messages of its own.

    `resumed` says whether the client continues exactly where it was. If not, its first
    item is a reset, unless it asked for no particular place.
    """

    def __init__(self, ring: Ring, start: Start, keys: Iterable[str] = ()) -> None:
        self.ring = ring
        self.keys = frozenset(keys) or None
        self.epoch = ring.epoch
        self.resumed = isinstance(start, Place) and self._follows(start)
        self._markers: list[bytes] = []
        self._latest: list[Message] = []
        self.position = ring.last
        if start == "start":
            self.position = ring.first - 1
        elif start == "latest":
            self._latest = wanted(ring.latest(), self.keys)
        elif self.resumed:
            self.position = start.sequence
        else:
            same = start.epoch == ring.epoch
            self._reset("too_old" if same else "epoch_changed")

    @property
    def place(self) -> Place:
        """Where the client is; it can resume from there."""
        if self._latest:
            return Place(self.epoch, self._latest[0].sequence - 1)
        return Place(self.epoch, self.position)

    @property
    def depth(self) -> int:
        """Messages that the client has not been given yet."""
        return len(self._latest) + max(0, self.ring.last - self.position)

    @property
    def has_news(self) -> bool:
        """Whether there is anything to give."""
        return bool(
            self._markers
            or self._latest
            or self.ring.last > self.position
            or self.ring.epoch != self.epoch
        )

    def take(self) -> Span | Own | None:
        """What comes next, at most FRAME_MESSAGES messages; None if there is nothing.

        Raises:
            Overrun: it fell behind, and the channel's policy is to disconnect.
        """
        self._keep_up()
        if self._markers or self._latest:
            return self._take_own()
        ring, after = self.ring, self.position
        if ring.last <= after:
            return None
        self.position = min(ring.last, after + FRAME_MESSAGES)
        return Span(ring.channel.name, ring.epoch, after, self.position, self.keys)

    def _follows(self, place: Place) -> bool:
        """Whether all that came after the place is still there, or yet to come.

        A place ahead of the ring was given out by a replica that is ahead of this one.
        """
        ring = self.ring
        return place.epoch == ring.epoch and place.sequence >= ring.first - 1

    def _keep_up(self) -> None:
        if self.ring.epoch != self.epoch:
            self.epoch = self.ring.epoch
            self._reset("epoch_changed")
        elif self.position < self.ring.first - 1:
            self._overrun()

    def _overrun(self) -> None:
        ring, channel = self.ring, self.ring.channel
        before = self.place.sequence
        if channel.policy is Policy.DISCONNECT:
            raise Overrun(channel.name)
        if channel.policy is Policy.GAP:
            self.position = ring.first - 1
            self._mark("gap", first=before + 1, last=self.position)
            return
        self._latest = wanted(ring.latest(before), self.keys)
        self.position = ring.last
        seen = {"first": before + 1, "last": ring.last}
        self._mark("conflated", **seen, complete=ring.is_complete)

    def _reset(self, reason: str) -> None:
        """Start over: the latest of each key where they are kept, else what is kept."""
        ring = self.ring
        conflates = ring.channel.policy is Policy.CONFLATE
        self._latest = wanted(ring.latest(), self.keys)
        self.position = ring.last if conflates else ring.first - 1
        self._mark("reset", sequence=self.position, reason=reason)

    def _take_own(self) -> Own:
        items = self._markers + [one.data for one in self._latest[:FRAME_MESSAGES]]
        self._markers, self._latest = [], self._latest[FRAME_MESSAGES:]
        return Own(items)

    def _mark(self, type: str, **fields: object) -> None:
        self._markers.append(marker(type, self.ring.channel.name, self.epoch, **fields))


def wanted(messages: list[Message], keys: frozenset[str] | None) -> list[Message]:
    """The messages of these keys; None is every key."""
    if keys is None:
        return messages
    return [one for one in messages if one.key in keys]


def read(ring: Ring, span: Span) -> list[bytes]:
    """The messages of a span just taken from this ring."""
    count = span.last - span.after
    if span.keys is None:
        return ring.texts_after(span.after, count)
    return [one.data for one in wanted(ring.after(span.after, count), span.keys)]
