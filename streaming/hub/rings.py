"""What a channel keeps: its newest messages, encoded once, and the latest per key."""

from collections.abc import Iterator
from dataclasses import dataclass

from streaming.hub.channels import Channel, Policy


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its place in the channel, its key and its JSON text."""

    sequence: int
    key: str | None
    data: bytes


class Ring:
    """The newest messages of a channel, in order and without holes.

    `first` is the oldest sequence kept (`last` + 1 when there is none), `last` the
    newest one given. An `epoch` is one life of the numbering: a sequence says nothing
    in another.
    """

    def __init__(self, channel: Channel, epoch: int) -> None:
        self.channel = channel
        self.restart(epoch, last=0)

    def restart(self, epoch: int, *, last: int) -> None:
        """Forget all messages; the next one has the sequence `last` + 1."""
        self.epoch = epoch
        self.first, self.last = last + 1, last
        self.bytes = 0
        self.is_complete = True
        self._slots: list[Message | None] = [None] * self.channel.capacity
        self._latest: dict[str, Message] = {}

    def append(self, message: Message) -> None:
        """Add the next message; the oldest ones make room.

        One that does not follow `last` starts the ring anew after the hole.
        """
        if message.sequence != self.last + 1:
            self._skip_to(message.sequence)
        if message.sequence - self.first >= self.channel.capacity:
            self._drop_first()
        self._slots[message.sequence % self.channel.capacity] = message
        self.last = message.sequence
        self.bytes += len(message.data)
        while self.bytes > self.channel.max_bytes and self.first < self.last:
            self._drop_first()
        if self.channel.policy is Policy.CONFLATE:
            self._remember(message)

    def after(self, sequence: int, limit: int) -> Iterator[Message]:
        """At most `limit` messages after a sequence not older than `first` - 1."""
        capacity = self.channel.capacity
        end = min(self.last, sequence + limit)
        for number in range(sequence + 1, end + 1):
            message = self._slots[number % capacity]
            if message is not None:
                yield message

    def latest(self, after: int = 0) -> list[Message]:
        """The newest message of each key with a sequence above `after`, in order."""
        found = [one for one in self._latest.values() if one.sequence > after]
        return sorted(found, key=lambda one: one.sequence)

    def _skip_to(self, sequence: int) -> None:
        self._slots = [None] * self.channel.capacity
        self.first, self.last, self.bytes = sequence, sequence - 1, 0
        self.is_complete = False

    def _drop_first(self) -> None:
        place = self.first % self.channel.capacity
        gone = self._slots[place]
        if gone is not None:
            self.bytes -= len(gone.data)
        self._slots[place] = None
        self.first += 1

    def _remember(self, message: Message) -> None:
        key = message.key or ""
        self._latest.pop(key, None)
        self._latest[key] = message
        if len(self._latest) > self.channel.max_keys:
            del self._latest[next(iter(self._latest))]  # the one unchanged for longest
            self.is_complete = False
