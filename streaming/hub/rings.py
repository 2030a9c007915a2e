"""What a channel keeps: its newest messages, encoded once, and the latest per key."""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from streaming.hub.channels import Channel, Policy
from streaming.hub.wire import Batch, Envelopes

_SPARE = 1_024  # dropped messages that are let go together


class Message(NamedTuple):
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
        self._envelopes = Envelopes(channel)
        self.restart(epoch, last=0)

    def restart(self, epoch: int, *, last: int) -> None:
        """Forget all messages; the next one has the sequence `last` + 1."""
        self.epoch = epoch
        self.is_complete = True
        self._latest: dict[str, tuple[int, bytes]] = {}
        self._empty(last + 1)

    def append(self, first: int, batch: Batch) -> None:
        """Add messages, numbered from `first` on; the oldest ones make room.

        Those that do not follow `last` start the ring anew after the hole.
        """
        if first != self.last + 1:
            self._empty(first)
            self.is_complete = False
        if (passed := len(batch) - self.channel.capacity) > 0:
            self._pass_by(first, batch, passed)
            first, batch = first + passed, batch.after(passed)
        sequences = range(first, first + len(batch))
        data = self._envelopes.write(self.epoch, sequences, batch)
        self._keys += batch.keys
        self._data += data
        self.last += len(data)
        self.bytes += sum(map(len, data))
        self._make_room()
        if self.channel.policy is Policy.CONFLATE:
            self._remember(sequences, batch.keys, data)

    def after(self, sequence: int, limit: int) -> list[Message]:
        """At most `limit` messages after a sequence not older than `first` - 1."""
        rows = self._rows(sequence, limit)
        numbers = range(self._base + rows.start, self._base + rows.stop)
        return list(map(Message, numbers, self._keys[rows], self._data[rows]))

    def texts_after(self, sequence: int, limit: int) -> list[bytes]:
        """The JSON of the same messages."""
        return self._data[self._rows(sequence, limit)]

    def payloads(self) -> set[bytes]:
        """What the messages say that are kept, the latest per key among them."""
        latest = (data for _, data in self._latest.values())
        return set(map(self._envelopes.payload, chain(self._data, latest)))

    def latest(self, after: int = 0) -> list[Message]:
        """The newest message of each key with a sequence above `after`, in order."""
        found = [
            Message(sequence, key, data)
            for key, (sequence, data) in self._latest.items()
            if sequence > after
        ]
        return sorted(found)[-self.channel.max_keys :]

    def _rows(self, sequence: int, limit: int) -> slice:
        end = min(self.last, sequence + limit)
        return slice(sequence + 1 - self._base, end + 1 - self._base)

    def _empty(self, first: int) -> None:
        """Begin with the message `first`, which has not come yet."""
        self.first, self.last, self.bytes = first, first - 1, 0
        self._base = first
        self._keys: list[str | None] = []
        self._data: list[bytes] = []

    def _pass_by(self, first: int, batch: Batch, count: int) -> None:
        """The first `count` would be pushed out at once: only the latest are kept."""
        if self.channel.policy is Policy.CONFLATE:
            newest = dict(zip(batch.keys[:count], range(count), strict=True))
            for key in batch.keys[count:]:
                newest.pop(key, None)
            rows = sorted(newest.values())
            if len(rows) > self.channel.max_keys:
                rows, self.is_complete = rows[-self.channel.max_keys :], False
            sequences, chosen = [first + row for row in rows], batch.at(rows)
            data = self._envelopes.write(self.epoch, sequences, chosen)
            self._remember(sequences, chosen.keys, data)
        self._empty(first + count)

    def _make_room(self) -> None:
        self._drop(self.last - self.first + 1 - self.channel.capacity)
        while self.bytes > self.channel.max_bytes and self.first < self.last:
            self._drop(1)
        gone = self.first - self._base
        if gone > _SPARE or 2 * gone > len(self._data):
            del self._keys[:gone], self._data[:gone]
            self._base = self.first

    def _drop(self, count: int) -> None:
        """Let go of the oldest messages."""
        if count > 0:
            start = self.first - self._base
            self.bytes -= sum(map(len, self._data[start : start + count]))
            self.first += count

    def _remember(
        self,
        sequences: Sequence[int],
        keys: Sequence[str | None],
        data: Sequence[bytes],
    ) -> None:
        """Note the newest message of each key, and forget keys if there are many."""
        names = keys if None not in keys else [key or "" for key in keys]
        messages = zip(sequences, data, strict=True)
        self._latest.update(zip(names, messages, strict=True))  # type: ignore[arg-type]
        most = self.channel.max_keys
        self.is_complete = self.is_complete and len(self._latest) <= most
        if len(self._latest) > most + most // 4:  # seldom, since it looks at all
            oldest = sorted([sequence for sequence, _ in self._latest.values()])[-most]
            self._latest = {
                key: one for key, one in self._latest.items() if one[0] >= oldest
            }
