"""Commits for tests of the state database, and a simple state to commit."""

import json
from collections.abc import Mapping, Sequence

import numpy as np

from analytics_platform.core.column_blobs import Column
from analytics_platform.core.live_results import LateCounts, LiveResults, RowKind
from streaming.checkpoints.claims import Jump
from streaming.checkpoints.store import CheckpointStore
from streaming.checkpoints.values import (
    Commit,
    Move,
    OutputBlob,
    ResultBlob,
    Source,
    Stored,
)

SOURCE = Source(cluster="cluster-1", topic="events")
WINDOWS = {"per_minute": "fingerprint-1"}
WINDOW = "per_minute"


def owning_store(
    url: str, *, partitions: Sequence[int] = (0,), owner: str = "worker-1"
) -> CheckpointStore:
    """A store that owns partitions; what was never read begins at offset 0."""
    store = CheckpointStore.open(url)
    store.declare(SOURCE, WINDOWS, now_ms=1_000)
    claims = store.claim(SOURCE, partitions, owner=owner, now_ms=1_000)
    for partition, claim in claims.items():
        if claim.next_offset is None:
            store.begin_at(SOURCE, partition, Jump(0, "first", 1_000))
    return store


def commit(
    *moves: Move,
    partitions: Sequence[int] = (),
    state: bytes | None = None,
    snapshot: bytes | None = None,
    results: Sequence[ResultBlob] = (),
    outputs: Sequence[OutputBlob] = (),
) -> Commit:
    """A commit of moves, of partitions 0, 1, ... by default, with equal states."""
    moved = partitions or range(len(moves))
    keys = [(WINDOW, partition) for partition in moved]
    return Commit(
        source=SOURCE,
        moves=dict(zip(moved, moves, strict=True)),
        deltas={} if state is None else dict.fromkeys(keys, state),
        snapshots={} if snapshot is None else dict.fromkeys(keys, snapshot),
        results=results,
        outputs=outputs,
        at_ms=2_000,
    )


def results(
    rows: Sequence[tuple[str, int, int, int]],
    *,
    kind: RowKind = RowKind.WINDOW,
    size_ms: int = 60_000,
) -> LiveResults:
    """Rows of (key, start, revision, count)."""
    starts = np.array([start for _, start, _, _ in rows], np.int64)
    counts = np.array([count for *_, count in rows], np.int64)
    return LiveResults(
        keys=[key for key, *_ in rows],
        kinds=np.full(len(rows), kind, np.int64),
        start_ms=starts,
        end_ms=starts + size_ms,
        revisions=np.array([revision for _, _, revision, _ in rows], np.int64),
        values={"count": Column(counts)},
    )


def blob(partition: int, rows: Sequence[tuple[str, int, int, int]]) -> ResultBlob:
    """Those rows as a blob of a partition."""
    return ResultBlob.of(WINDOW, partition, results(rows))


def late(rows: Sequence[tuple[str, int, int]], *, size_ms: int = 60_000) -> LateCounts:
    """Rows of (key, start, events)."""
    starts = np.array([start for _, start, _ in rows], np.int64)
    return LateCounts(
        keys=[key for key, *_ in rows],
        start_ms=starts,
        end_ms=starts + size_ms,
        events=np.array([events for *_, events in rows], np.int64),
    )


def counts_delta(counts: Mapping[str, int]) -> bytes:
    """A delta or snapshot of a state that is a dict of counts."""
    return json.dumps(counts).encode()


def restored_counts(stored: Stored) -> dict[str, int]:
    """The dict of counts that a snapshot and deltas describe; 0 removes a key."""
    state: dict[str, int] = json.loads(stored.snapshot or b"{}")
    for delta in stored.deltas:
        state.update(json.loads(delta))
    return {key: count for key, count in state.items() if count}
