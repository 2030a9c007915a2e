"""One topic's work in this process: what was taken of it and is not yet committed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from analytics_platform.core.live_results import LateCounts, LiveResults, sum_late
from analytics_platform.core.live_results import join_results as joined
from streaming import kept_keys
from streaming.causes import Causes
from streaming.checkpoints.values import (
    Claim,
    Commit,
    Committed,
    Move,
    ResultBlob,
    Source,
    StateKey,
    Stored,
)
from streaming.key_upkeep import KeyUpkeep
from streaming.outgoing import Outgoing, Pushed, Tally
from streaming.pipeline import Output, Pipeline
from streaming.records import RawRecords

States = Mapping[str, Stored]
"""Kept states of one partition, by name."""


@dataclass
class _Place:
    """How far an owned partition is."""

    epoch: int
    committed: int
    taken: int


@dataclass
class _Taken:
    """What was taken since the last cut."""

    events: int = 0
    results: dict[StateKey, list[LiveResults]] = field(default_factory=dict)
    late: dict[StateKey, list[LateCounts]] = field(default_factory=dict)
    outgoing: Outgoing = field(default_factory=Outgoing)

    def add(
        self, output: Output, at_ms: int, polled: Sequence[RawRecords] = ()
    ) -> None:
        """Take in what came of some records, or of time."""
        self.events += output.events
        for rows in output.windows:
            key = (rows.window, rows.partition)
            if len(rows.results):
                self.results.setdefault(key, []).append(rows.results)
            if len(rows.late):
                self.late.setdefault(key, []).append(rows.late)
        self.outgoing.add(output, Causes(polled), at_ms)

    def blobs(self) -> list[ResultBlob]:
        """Results and late events, one blob for each window and partition."""
        results = [
            ResultBlob.of(*key, joined(parts)) for key, parts in self.results.items()
        ]
        late = [
            ResultBlob.of_late(*key, sum_late(parts))
            for key, parts in self.late.items()
        ]
        return results + late


@dataclass(frozen=True)
class Cut:
    """A commit, and what is pushed once it is written."""

    commit: Commit
    pushed: Sequence[Pushed]
    tally: Tally


class TopicWork:
    """Pipeline, positions and uncommitted outputs of one topic."""

    def __init__(self, source: Source, pipeline: Pipeline) -> None:
        self.source, self.pipeline = source, pipeline
        self.keys = KeyUpkeep(pipeline)
        self._places: dict[int, _Place] = {}
        self._taken = _Taken()
        self._due: set[StateKey] = set()

    @property
    def fingerprints(self) -> dict[str, str]:
        """Every state's name and what its content depends on."""
        windows = {
            stage.window.name: stage.window.fingerprint
            for stage in self.pipeline.windows
        }
        return {**windows, kept_keys.STATE: kept_keys.FINGERPRINT}

    @property
    def partitions(self) -> list[int]:
        """Those owned, rising."""
        return sorted(self._places)

    @property
    def uncommitted(self) -> int:
        """Events taken since the last cut."""
        return self._taken.events

    @property
    def has_news(self) -> bool:
        """Whether there is anything to commit."""
        moved = any(one.taken != one.committed for one in self._places.values())
        return moved or bool(self._taken.results)

    @property
    def is_awaited(self) -> bool:
        """Whether what is new has outputs, for which somebody waits."""
        return bool(self._taken.results or self._taken.outgoing.has_messages)

    def begin(self, claim: Claim, offset: int, states: States) -> None:
        """Own a partition, from an offset on, with the states kept of it.

        Keys have other numbers now than in what is kept, so that the next commit
        writes every state anew.
        """
        partition = claim.partition
        keys = states.get(kept_keys.STATE)
        old, names = kept_keys.decode_keys(keys) if keys else ([], [])
        new = self.pipeline.keys.take(partition, names)
        ids = kept_keys.renumbering(old, new)
        for stage in self.pipeline.windows:
            kept = states.get(stage.window.name)
            if kept is None:
                stage.engine.assign([partition])
            else:
                stage.engine.restore(partition, kept.snapshot, kept.deltas, ids)
            self._due.add((stage.window.name, partition))
        self._due.add((kept_keys.STATE, partition))
        self._places[partition] = _Place(claim.epoch, offset, offset)

    def end(self, partitions: Collection[int]) -> None:
        """Own partitions no longer; what is not committed of them is forgotten."""
        gone = set(partitions)
        self.pipeline.revoke(sorted(gone & set(self._places)))
        for partition in gone:
            self._places.pop(partition, None)
        self.keys.drop(partitions)
        self._due = {key for key in self._due if key[1] not in gone}
        if not self._places:  # a rebalance takes them all, so that nothing is left
            self._taken = _Taken()

    def take(self, polled: Sequence[RawRecords], now_ms: int, at_ms: int) -> int:
        """Take records of owned partitions; gives how many events they hold.

        `now_ms` is the platform's time, `at_ms` the wall's.
        """
        output = self.pipeline.process(polled, now_ms)
        for partition, offset in output.next_offsets.items():
            self._places[partition].taken = offset
        self._taken.add(output, at_ms, polled)
        return output.events

    def expect(self, partitions: Collection[int], now_ms: int) -> None:
        """Partitions with records to be read are not idle, however late we are."""
        owned = [one for one in partitions if one in self._places]
        if owned:
            self.pipeline.expect(owned, now_ms)

    def tick(self, now_ms: int, at_ms: int) -> None:
        """Let time pass without records."""
        if self._places:
            self._taken.add(self.pipeline.tick(now_ms), at_ms)

    def cut(self, at_ms: int) -> Cut:
        """Everything since the last cut as one commit."""
        taken, self._taken = self._taken, _Taken()
        deltas, snapshots = self._states()
        commit = Commit(
            source=self.source,
            moves={
                partition: Move(place.epoch, place.committed, place.taken)
                for partition, place in self._places.items()
            },
            deltas=deltas,
            snapshots=snapshots,
            results=taken.blobs(),
            outputs=list(taken.outgoing.blobs()),
            at_ms=at_ms,
        )
        for place in self._places.values():
            place.committed = place.taken
        return Cut(commit, taken.outgoing.pushed, taken.outgoing.tally)

    def note(self, committed: Committed) -> None:
        """Remember which states are to be written anew."""
        self._due |= {key for key in committed.snapshots_due if key[1] in self._places}

    def _states(self) -> tuple[dict[StateKey, bytes], dict[StateKey, bytes]]:
        offsets = {one: place.taken for one, place in self._places.items()}
        for partition in self.keys.let_go(offsets):
            self._due |= {(name, partition) for name in self.fingerprints}
        deltas, snapshots = self._keys()
        for stage in self.pipeline.windows:
            name = stage.window.name
            changed = stage.engine.delta()
            due = [one for one in changed if (name, one) in self._due]
            if due:
                whole = stage.engine.snapshot(due)
                snapshots |= self._named(name, whole, due=True)
            deltas |= self._named(name, changed, due=False)
        self._due.clear()
        return deltas, snapshots

    def _named(
        self, name: str, states: Mapping[int, bytes], *, due: bool
    ) -> dict[StateKey, bytes]:
        return {
            (name, partition): body
            for partition, body in states.items()
            if ((name, partition) in self._due) is due
        }

    def _keys(self) -> tuple[dict[StateKey, bytes], dict[StateKey, bytes]]:
        deltas, snapshots = {}, {}
        for partition in self._places:
            key = (kept_keys.STATE, partition)
            added = self.pipeline.keys.added(partition)
            if key in self._due:
                numbers = self.pipeline.keys.of_partition(partition)
                snapshots[key] = kept_keys.encode_keys(numbers)
            elif added:
                deltas[key] = kept_keys.encode_keys(added)
        return deltas, snapshots
