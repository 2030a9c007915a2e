"""What this process knows of the partitions that it owns, as of its last commit."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from streaming.checkpoints.errors import Fenced
from streaming.checkpoints.values import Move, OutputId, Source

# Below this a log is read back faster than a snapshot would be worth.
_SMALL_LOG_BYTES = 1 << 20
# A snapshot's old deltas are deleted a few at a time, so that no commit takes long.
_GARBAGE_PER_COMMIT = 16
# So many deltas are restored in well under a second, however small each is.
_MOST_DELTAS = 2_000


@dataclass(frozen=True)
class Window:
    """A declared window or other named state; `id` is the store's number."""

    id: int
    name: str
    fingerprint: str


@dataclass
class StateLog:
    """The log of one state: how long it is, and what a snapshot left to delete.

    Deltas of commits in `garbage`, first to last, are no longer read.
    """

    id: int
    snapshot_bytes: int = 0
    log_bytes: int = 0
    deltas: int = 0
    first_sequence: int | None = None
    garbage: tuple[int, int] | None = None

    @property
    def next_garbage(self) -> int:
        """The commit up to which garbage is deleted next; -1 if there is none."""
        if self.garbage is None:
            return -1
        return min(self.garbage[1], self.garbage[0] + _GARBAGE_PER_COMMIT)

    def garbage_was_cleared(self) -> None:
        """The next garbage was deleted."""
        if self.garbage is not None:
            left = (self.next_garbage, self.garbage[1])
            self.garbage = left if left[0] < left[1] else None

    def is_due(self) -> bool:
        """Whether the log outgrew the state: twice its size, or very many deltas."""
        limit = max(_SMALL_LOG_BYTES, 2 * self.snapshot_bytes)
        return self.log_bytes > limit or self.deltas >= _MOST_DELTAS

    def add(self, sequence: int, size: int) -> None:
        """A delta was committed."""
        if self.first_sequence is None:
            self.first_sequence = sequence
        self.log_bytes += size
        self.deltas += 1

    def replace(self, sequence: int, size: int) -> None:
        """A snapshot was committed: the log before it is garbage."""
        if self.first_sequence is not None:
            first = self.garbage[0] if self.garbage else self.first_sequence
            self.garbage = (first, sequence)
        self.snapshot_bytes, self.log_bytes, self.deltas = size, 0, 0
        self.first_sequence = None


@dataclass
class Owned:
    """One owned partition."""

    id: int
    source: Source
    partition: int
    epoch: int
    next_offset: int | None
    sequence: int
    windows: Mapping[str, Window]
    states: dict[str, StateLog] = field(default_factory=dict)
    results_bytes: int = 0
    outputs: dict[OutputId, int] = field(default_factory=dict)


class Holdings:
    """Every owned partition."""

    def __init__(self) -> None:
        self._owned: dict[tuple[Source, int], Owned] = {}

    def add(self, owned: Owned) -> None:
        """Own a partition, as claimed last."""
        self._owned[owned.source, owned.partition] = owned

    def drop(self, source: Source, partitions: Iterable[int]) -> None:
        """Own them no longer; what is not owned is left out."""
        for partition in partitions:
            self._owned.pop((source, partition), None)

    def all(self) -> list[Owned]:
        """Every owned partition."""
        return list(self._owned.values())

    def get(self, source: Source, partition: int) -> Owned:
        """The owned partition.

        Raises:
            Fenced: this process does not own it.
        """
        owned = self._owned.get((source, partition))
        if owned is None:
            raise Fenced(source.topic, [partition], why="it was not claimed")
        return owned

    def moved(
        self, source: Source, moves: Mapping[int, Move]
    ) -> list[tuple[Owned, Move]]:
        """The owned partitions of `moves`, in order of partition.

        Raises:
            Fenced: one of them is not owned, or under another epoch.
        """
        pairs = [(self.get(source, number), moves[number]) for number in sorted(moves)]
        stale = [owned.partition for owned, move in pairs if owned.epoch != move.epoch]
        if stale:
            raise Fenced(source.topic, stale, why="they were claimed again meanwhile")
        return pairs
