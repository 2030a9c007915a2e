"""What a consumer and the owner of its partitions' state agree on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from analytics_platform.contracts.streams import MAX_EVENT_BYTES
from analytics_platform.errors import PlatformError
from streaming.records import TopicPartition


@dataclass(frozen=True)
class ConsumerOptions:
    """Where and how a consumer reads.

    `instance` makes it a static member: unique in the group, the same at each start.
    `rebalance_ms` is what its owner has to come back to `poll` when partitions are
    to be given up; `session_ms` how long a silent member stays one.
    """

    bootstrap: str
    group: str
    topics: tuple[str, ...]
    instance: str | None = None
    fetch_wait_ms: int = 5
    partition_bytes: int = 1 << 20
    fetch_bytes: int = 32 << 20
    session_ms: int = 10_000
    heartbeat_ms: int = 1_000
    rebalance_ms: int = 30_000
    request_ms: int = 15_000
    stall_seconds: float = 60.0
    max_value_bytes: int = MAX_EVENT_BYTES
    max_batch_bytes: int = 64 << 20


class LogBounds(NamedTuple):
    """The first offset that the log still has, and the one after its last."""

    begin: int
    end: int


class Progress(NamedTuple):
    """How far a partition is: the next offset, and up to where the log goes.

    `stable_end` is the first offset of a transaction that is still open, or the high
    water. Both ends are unknown before the first fetch.
    """

    position: int
    high_water: int | None
    stable_end: int | None
    paused: bool

    @property
    def lag(self) -> int:
        """Records between the position and the high water."""
        return max((self.high_water or 0) - self.position, 0)

    @property
    def waiting(self) -> int:
        """Records that could be taken now: not paused, in no open transaction."""
        end = 0 if self.paused else self.stable_end or 0
        return max(end - self.position, 0)


class Owner(Protocol):
    """Who owns the partitions' state; both are called from within `poll` only."""

    async def on_revoke(self, partitions: frozenset[TopicPartition]) -> None:
        """Finish and commit what was taken; the partitions may already be lost."""

    async def on_assign(
        self, bounds: Mapping[TopicPartition, LogBounds]
    ) -> Mapping[TopicPartition, int]:
        """Claim the partitions and give the offset to start each one from.

        No heartbeat is sent meanwhile: come back well within the session time.
        """
        ...


class OffsetOutOfRange(PlatformError):
    """The offset to go on from is not in the log; records may have been deleted."""

    def __init__(
        self, where: TopicPartition, offset: int, bounds: LogBounds | None = None
    ) -> None:
        self.where, self.offset, self.bounds = where, offset, bounds
        has = f", which holds {bounds.begin} to {bounds.end}" if bounds else ""
        super().__init__(
            f"{where.topic}, partition {where.partition}: offset {offset} is outside "
            f"the log{has}.",
            hint="Choose where to go on: earliest, latest or fail.",
        )
