"""Outputs that are committed and still to be sent, and how many there may be."""

from collections import deque
from collections.abc import Iterable, Sequence

from streaming.checkpoints.database import Transaction, marks
from streaming.checkpoints.errors import Backlogged
from streaming.checkpoints.holdings import Holdings, Owned
from streaming.checkpoints.values import OutputBlob, OutputId, PendingOutput

MOST_PENDING_BYTES = 64 << 20

_PENDING = """
select partition_id, sequence, ordinal, kind, messages, body from stream_outputs
where partition_id in ({marks}) order by partition_id, sequence, ordinal
"""


class Backlog:
    """What was delivered but not yet deleted, and what waits in all."""

    def __init__(self, holdings: Holdings, most_bytes: int) -> None:
        self._holdings = holdings
        self._most = most_bytes
        self._delivered: deque[OutputId] = deque()
        self._sent: list[OutputId] = []

    def delivered(self, outputs: Iterable[OutputId]) -> None:
        """Take note of deliveries, from any thread."""
        self._delivered.extend(outputs)

    def sent(self) -> tuple[OutputId, ...]:
        """Every delivered output that is still stored."""
        while self._delivered:
            self._sent.append(self._delivered.popleft())
        return tuple(self._sent)

    def forget(self, deleted: Sequence[OutputId]) -> None:
        """The first of them, these, were deleted."""
        del self._sent[: len(deleted)]
        for owned in self._holdings.all():
            for place in deleted:
                owned.outputs.pop(place, None)

    def check(self, more: int) -> None:
        """See that `more` bytes have room; a first output always has.

        Raises:
            Backlogged: they do not.
        """
        sent = set(self._sent)
        pending = sum(
            size
            for owned in self._holdings.all()
            for place, size in owned.outputs.items()
            if place not in sent
        )
        if more and pending and pending + more > self._most:
            raise Backlogged(pending=pending, limit=self._most)


def read_pending(
    transaction: Transaction, owned: Sequence[Owned]
) -> list[PendingOutput]:
    """The stored outputs of partitions, in order."""
    partitions = {one.id: one.partition for one in owned}
    ids = list(partitions)
    return [
        PendingOutput(
            OutputId(partition_id, sequence, ordinal),
            OutputBlob(kind, partitions[partition_id], messages, bytes(body)),
        )
        for partition_id, sequence, ordinal, kind, messages, body in transaction.rows(
            _PENDING.format(marks=marks(ids)), ids
        )
    ]
