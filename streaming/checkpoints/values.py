"""What is committed, claimed and restored; blobs are opaque to the store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from analytics_platform.core.live_results import (
    LateCounts,
    LiveResults,
    encode_late,
    encode_results,
)

StateKey = tuple[str, int]
"""A state's name (a window's, as declared) and its partition."""


class BlobKind(StrEnum):
    """What a blob of stream_results holds."""

    RESULTS = "results"
    LATE = "late"


@dataclass(frozen=True)
class Source:
    """A topic of one cluster; clusters are told apart by the id that they give."""

    cluster: str
    topic: str


@dataclass(frozen=True)
class Cluster:
    """A cluster as the store knows it; `is_new`: it was never seen before."""

    id: str
    embedded: bool
    is_new: bool


@dataclass(frozen=True)
class Retired:
    """A state that is kept aside and not used again, and why."""

    name: str
    fingerprint: str
    reason: str


@dataclass(frozen=True)
class Claim:
    """A partition that this process owns until somebody claims it again.

    `next_offset` is the first offset not yet committed, None before the first read.
    """

    partition: int
    epoch: int
    next_offset: int | None
    retired: tuple[Retired, ...] = ()


@dataclass(frozen=True)
class Stored:
    """A state to restore: the snapshot, then every delta in order.

    `from_offset` is the first event that it knows of, None before the first read.
    """

    from_offset: int | None
    snapshot: bytes | None
    deltas: tuple[bytes, ...]


@dataclass(frozen=True)
class Move:
    """Progress of one partition; `expected` and `next` may be equal."""

    epoch: int
    expected: int
    next: int


@dataclass(frozen=True)
class ResultBlob:
    """Rows of one window and partition, encoded, and what it takes to find them."""

    window: str
    partition: int
    kind: BlobKind
    rows: int
    first_start_ms: int
    last_start_ms: int
    body: bytes

    @classmethod
    def of(cls, window: str, partition: int, results: LiveResults) -> "ResultBlob":
        """The blob of at least one row of results."""
        starts = results.start_ms
        return cls(
            window,
            partition,
            BlobKind.RESULTS,
            rows=len(results),
            first_start_ms=int(np.min(starts)),
            last_start_ms=int(np.max(starts)),
            body=encode_results(results),
        )

    @classmethod
    def of_late(cls, window: str, partition: int, late: LateCounts) -> "ResultBlob":
        """The blob of at least one count of late events."""
        return cls(
            window,
            partition,
            BlobKind.LATE,
            rows=len(late),
            first_start_ms=int(np.min(late.start_ms)),
            last_start_ms=int(np.max(late.start_ms)),
            body=encode_late(late),
        )


@dataclass(frozen=True)
class OutputBlob:
    """Messages of one kind (output topic, dead letters, ...) to send once committed."""

    kind: str
    partition: int
    messages: int
    body: bytes


@dataclass(frozen=True, order=True)
class OutputId:
    """Where a committed output stands; outputs of a partition are sent in this order.

    `partition_id` is the store's number of a cluster's, topic's partition.
    """

    partition_id: int
    sequence: int
    ordinal: int


@dataclass(frozen=True)
class PendingOutput:
    """An output that was committed and not yet reported as delivered."""

    id: OutputId
    output: OutputBlob


@dataclass(frozen=True)
class Commit:
    """All that changes at `at_ms`, at once: what names a partition needs its move.

    A state in `snapshots` stands for its whole log; its delta is then not kept.
    """

    source: Source
    moves: Mapping[int, Move]
    at_ms: int
    deltas: Mapping[StateKey, bytes] = field(default_factory=dict)
    snapshots: Mapping[StateKey, bytes] = field(default_factory=dict)
    results: Sequence[ResultBlob] = ()
    outputs: Sequence[OutputBlob] = ()


@dataclass(frozen=True)
class Committed:
    """What a commit led to.

    `outputs` are those of the commit, in its order; `snapshots_due` the states whose
    next commit should bring a snapshot instead of a delta.
    """

    sequences: Mapping[int, int]
    outputs: tuple[PendingOutput, ...]
    snapshots_due: frozenset[StateKey]
    bytes: int


@dataclass(frozen=True)
class Retention:
    """How long and how much is kept; ages in milliseconds of processing time.

    `results_bytes` is a bound for each partition.
    """

    results_ms: int
    results_bytes: int
    retired_ms: int
    vanished_ms: int


@dataclass(frozen=True)
class Pruned:
    """How many were deleted."""

    results: int = 0
    states: int = 0
    clusters: tuple[str, ...] = ()


@dataclass(frozen=True)
class StateSize:
    """Bytes of a state's snapshot, and of the deltas since."""

    snapshot: int
    log: int
