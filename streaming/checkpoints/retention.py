"""Deleting what is too old or too much, so that the database stays small."""

from collections.abc import Sequence
from dataclasses import dataclass

from analytics_platform.settings import StreamingSettings
from streaming.checkpoints.database import Transaction, marks
from streaming.checkpoints.holdings import Owned
from streaming.checkpoints.values import Retention

# So many are deleted in one transaction at most: commits wait for it.
_RESULTS_AT_ONCE = 500
_STATES_AT_ONCE = 4

_OLDEST_RESULTS = """
select sequence, ordinal, bytes, created_ms from stream_results
where partition_id = ? order by sequence, ordinal limit ?
"""
_DROP_RESULTS = """
delete from stream_results where partition_id = ? and (sequence, ordinal) <= (?, ?)
"""
_OLD_STATES = "select id from stream_states where retired_ms < ? order by id limit ?"
_SEEN = "update stream_clusters set last_seen_ms = ? where id = ?"
_VANISHED = """
select id from stream_clusters where embedded and id <> ? and last_seen_ms < ?
"""
_PARTITIONS = "select id from stream_partitions where cluster = ?"
_STATES = "select id from stream_states where partition_id in ({marks})"


_DAY_MS = 24 * 60 * 60 * 1_000


@dataclass(frozen=True)
class Dropped:
    """Results that were deleted: blobs and their bytes."""

    blobs: int
    bytes: int


def retention(settings: StreamingSettings) -> Retention:
    """What the settings say."""
    return Retention(
        results_ms=int(settings.results_days * _DAY_MS),
        results_bytes=settings.results_megabytes * 1_000_000,
        retired_ms=int(settings.retired_days * _DAY_MS),
        vanished_ms=int(settings.vanished_days * _DAY_MS),
    )


def prune_results(
    transaction: Transaction, owned: Owned, keep: Retention, now_ms: int
) -> Dropped:
    """Delete a partition's oldest results, as far as they are too old or too much."""
    rows = transaction.rows(_OLDEST_RESULTS, (owned.id, _RESULTS_AT_ONCE))
    size, last = 0, None
    for sequence, ordinal, bytes_, created_ms in rows:
        is_young = created_ms >= now_ms - keep.results_ms
        if is_young and owned.results_bytes - size <= keep.results_bytes:
            break
        size, last = size + bytes_, (sequence, ordinal)
    if last is None:
        return Dropped(0, 0)
    return Dropped(transaction.run(_DROP_RESULTS, (owned.id, *last)), size)


def prune_retired(transaction: Transaction, older_than_ms: int) -> int:
    """Delete states that were retired before an instant; gives how many."""
    found = transaction.rows(_OLD_STATES, (older_than_ms, _STATES_AT_ONCE))
    ids = [number for (number,) in found]
    _drop_states(transaction, ids)
    return len(ids)


def prune_vanished(
    transaction: Transaction, current: str, older_than_ms: int, now_ms: int
) -> list[str]:
    """Delete all of embedded clusters that were not seen since an instant.

    They never come back: each start makes a new one. `current` is seen now.
    """
    transaction.run(_SEEN, (now_ms, current))
    found = transaction.rows(_VANISHED, (current, older_than_ms))
    clusters = [name for (name,) in found]
    for cluster in clusters:
        _drop_cluster(transaction, cluster)
    return clusters


def _drop_cluster(transaction: Transaction, cluster: str) -> None:
    ids = [number for (number,) in transaction.rows(_PARTITIONS, (cluster,))]
    states = transaction.rows(_STATES.format(marks=marks(ids)), ids)
    _drop_states(transaction, [number for (number,) in states])
    for table in ("stream_results", "stream_outputs", "stream_jumps"):
        transaction.run(
            f"delete from {table} where partition_id in ({marks(ids)})", ids
        )
    for table in ("stream_partitions", "stream_windows"):
        transaction.run(f"delete from {table} where cluster = ?", (cluster,))
    transaction.run("delete from stream_clusters where id = ?", (cluster,))


def _drop_states(transaction: Transaction, ids: Sequence[int]) -> None:
    inside = f"in ({marks(ids)})"
    for table in ("stream_deltas", "stream_snapshots"):
        transaction.run(f"delete from {table} where state_id {inside}", ids)
    transaction.run(f"delete from stream_states where id {inside}", ids)
