"""The stream's memory: what was read, what it led to, and who owns which partition.

A store belongs to one thread (writer.py has one). Several processes may use one
database: each partition has one owner, and an earlier one cannot write any more.
"""

from collections.abc import Iterable, Mapping

from analytics_platform.errors import Unavailable
from analytics_platform.observability import get_logger
from streaming.checkpoints.claims import Claimant, Jump, claim_partitions, jump
from streaming.checkpoints.commits import (
    forget_sent,
    note_commit,
    plan_commit,
    write_commit,
)
from streaming.checkpoints.database import Database
from streaming.checkpoints.holdings import Holdings, Owned, Window
from streaming.checkpoints.pending import MOST_PENDING_BYTES, Backlog, read_pending
from streaming.checkpoints.retention import (
    prune_results,
    prune_retired,
    prune_vanished,
)
from streaming.checkpoints.states import check_owner, read_state
from streaming.checkpoints.values import (
    Claim,
    Cluster,
    Commit,
    Committed,
    OutputId,
    PendingOutput,
    Pruned,
    Retention,
    Source,
    StateKey,
    StateSize,
    Stored,
)

log = get_logger(__name__)

_MEET = """
insert into stream_clusters (id, embedded, first_seen_ms, last_seen_ms)
values (?, ?, ?, ?) on conflict (id) do nothing
"""
_SEEN = "update stream_clusters set last_seen_ms = ? where id = ?"
_DECLARE = """
insert into stream_windows (cluster, topic, name, fingerprint, declared_ms)
values {rows} on conflict (cluster, topic, name, fingerprint)
do update set declared_ms = excluded.declared_ms
"""
_WINDOWS = """
select id, name, fingerprint from stream_windows where cluster = ? and topic = ?
"""


class CheckpointStore:
    """State, results and outputs of the partitions that this process claimed."""

    def __init__(self, database: Database, *, most_pending_bytes: int) -> None:
        self._database = database
        self._holdings = Holdings()
        self._windows: dict[Source, dict[str, Window]] = {}
        self._backlog = Backlog(self._holdings, most_pending_bytes)
        self._uncertain: Commit | None = None

    @classmethod
    def open(
        cls, url: str, *, most_pending_bytes: int = MOST_PENDING_BYTES
    ) -> "CheckpointStore":
        """The store at a SQLAlchemy URL; connects when first used.

        No more than `most_pending_bytes` of outputs wait to be sent.
        """
        return cls(Database.open(url), most_pending_bytes=most_pending_bytes)

    def close(self) -> None:
        """Close the connection. What is claimed stays so until claimed again."""
        self._database.close()

    def meet_cluster(self, id: str, *, embedded: bool, now_ms: int) -> Cluster:
        """Note that a cluster is in use; a new one begins without any state."""
        with self._database.transaction() as transaction:
            values = (id, embedded, now_ms, now_ms)
            is_new = transaction.run(_MEET, values) == 1
            transaction.run(_SEEN, (now_ms, id))
        log.info("cluster_met", cluster=id, embedded=embedded, is_new=is_new)
        return Cluster(id, embedded=embedded, is_new=is_new)

    def declare(
        self, source: Source, fingerprints: Mapping[str, str], now_ms: int
    ) -> None:
        """Name the states that partitions claimed from now on have, by fingerprint."""
        key = (source.cluster, source.topic)
        rows = [(*key, name, text, now_ms) for name, text in fingerprints.items()]
        with self._database.transaction() as transaction:
            transaction.many(_DECLARE, rows)
            found = [Window(*row) for row in transaction.rows(_WINDOWS, key)]
        self._windows[source] = {
            window.name: window
            for window in found
            if fingerprints.get(window.name) == window.fingerprint
        }

    def claim(
        self, source: Source, partitions: Iterable[int], *, owner: str, now_ms: int
    ) -> dict[int, Claim]:
        """Own partitions from now on; earlier owners cannot commit any more.

        States of other definitions than those declared are retired, never used again.
        """
        windows = self._windows.get(source, {})
        claimant = Claimant(source, windows, owner, now_ms)
        wanted = sorted(set(partitions))
        if not wanted:
            return {}
        with self._database.transaction() as transaction:
            claimed = claim_partitions(transaction, claimant, wanted)
        for claim, owned in claimed:
            self._own(claim, owned)
        return {claim.partition: claim for claim, _ in claimed}

    def begin_at(self, source: Source, partition: int, to: Jump) -> Claim:
        """Begin an owned partition at an offset, or go on elsewhere; it is recorded.

        Going on later keeps its states, which lack what was skipped; going back
        retires them, because they would count events twice.

        Raises:
            Fenced: the partition has another owner.
        """
        with self._database.transaction() as transaction:
            moved = jump(transaction, self._holdings.get(source, partition), to)
        self._own(*moved)
        log.info(
            "offset_set",
            topic=source.topic,
            partition=partition,
            offset=to.offset,
            reason=to.reason,
        )
        return moved[0]

    def load(self, source: Source, partition: int, window: str) -> Stored:
        """What it takes to restore a state of an owned partition.

        Raises:
            Fenced: the partition has another owner.
        """
        owned = self._holdings.get(source, partition)
        with self._database.transaction() as transaction:
            stored = read_state(transaction, owned.states[window])
            # Afterwards: a server shows each statement what others have committed.
            check_owner(transaction, owned)
        return stored

    def commit(self, commit: Commit) -> Committed:
        """Write a commit: all of it, or nothing.

        After Unavailable it may have come through: try the same commit again, and it
        is written once.

        Raises:
            Fenced: a partition has another owner; its state is to be dropped.
            Backlogged: too much waits to be sent.
            Unavailable: the database is away or locked.
            DiskFull: it cannot grow.
            StateUnusable: it is damaged or read-only.
        """
        plan = plan_commit(commit, self._holdings, self._backlog.sent())
        self._backlog.check(plan.output_bytes)
        is_second_try = commit is self._uncertain
        try:
            with self._database.transaction() as transaction:
                write_commit(transaction, plan, may_be_done=is_second_try)
        except Unavailable:
            self._uncertain = commit
            raise
        self._uncertain = None
        self._backlog.forget(plan.sent)
        due = note_commit(plan)
        return Committed(
            sequences={one.partition: one.sequence for one, _ in plan.pairs},
            outputs=plan.outputs,
            snapshots_due=due,
            bytes=plan.bytes,
        )

    def pending(self, source: Source, partitions: Iterable[int]) -> list[PendingOutput]:
        """Outputs of owned partitions that are not known to be delivered, in order.

        Raises:
            Fenced: a partition has another owner.
        """
        owned = [self._holdings.get(source, one) for one in sorted(set(partitions))]
        with self._database.transaction() as transaction:
            found = read_pending(transaction, owned)
            for one in owned:
                check_owner(transaction, one)
        return found

    def delivered(self, outputs: Iterable[OutputId]) -> None:
        """Say that outputs were sent; the next commit deletes them. Any thread may."""
        self._backlog.delivered(outputs)

    def forget_delivered(self) -> None:
        """Delete what was sent now, such as before an end or when no event comes."""
        sent = self._backlog.sent()
        if sent:
            with self._database.transaction() as transaction:
                forget_sent(transaction, sent)
            self._backlog.forget(sent)

    def release(self, source: Source, partitions: Iterable[int]) -> None:
        """Own partitions no longer, without a word to the database."""
        self._holdings.drop(source, partitions)

    def prune(self, cluster: str, keep: Retention, now_ms: int) -> Pruned:
        """Delete some of what is too old or too much; call it every minute or so."""
        blobs = 0
        for owned in self._holdings.all():
            with self._database.transaction() as transaction:
                dropped = prune_results(transaction, owned, keep, now_ms)
            owned.results_bytes -= dropped.bytes
            blobs += dropped.blobs
        with self._database.transaction() as transaction:
            states = prune_retired(transaction, now_ms - keep.retired_ms)
            vanished = now_ms - keep.vanished_ms
            gone = prune_vanished(transaction, cluster, vanished, now_ms)
        if gone:
            log.info("vanished_clusters_forgotten", clusters=gone)
        return Pruned(results=blobs, states=states, clusters=tuple(gone))

    def sizes(self, source: Source) -> dict[StateKey, StateSize]:
        """How large each owned state is, as stored."""
        return {
            (name, owned.partition): StateSize(state.snapshot_bytes, state.log_bytes)
            for owned in self._holdings.all()
            if owned.source == source
            for name, state in owned.states.items()
        }

    def _own(self, claim: Claim, owned: Owned) -> None:
        self._holdings.add(owned)
        for retired in claim.retired:
            log.warning(
                "state_retired",
                topic=owned.source.topic,
                partition=owned.partition,
                window=retired.name,
                fingerprint=retired.fingerprint,
                reason=retired.reason,
            )
