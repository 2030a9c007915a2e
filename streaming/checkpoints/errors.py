"""What can go wrong with stored stream state, each with what to do."""

from collections.abc import Collection
from typing import Literal

from analytics_platform.errors import Conflict, PlatformError, Unavailable

Choice = Literal["earliest", "latest", "fail"]


class Fenced(Conflict):
    """Partitions belong to somebody else by now; nothing of the commit was written.

    `owners` are the names of those to whom they belong, as far as they are known.
    """

    def __init__(
        self,
        topic: str,
        partitions: Collection[int],
        *,
        why: str,
        owners: Collection[str] = (),
    ) -> None:
        self.topic = topic
        self.partitions = tuple(sorted(partitions))
        self.owners = frozenset(owners)
        super().__init__(
            f"This process no longer owns {topic} {list(self.partitions)}: {why}.",
            hint="Drop their state; the new owner goes on from the last commit.",
        )


class OffsetOutOfRange(PlatformError):
    """The stored offset is not in the partition's log any more, or not yet."""

    def __init__(
        self, topic: str, partition: int, *, stored: int, log: tuple[int, int]
    ) -> None:
        self.topic, self.partition = topic, partition
        self.stored, self.log_start, self.log_end = stored, *log
        lost = (
            f"{log[0] - stored} events were deleted before they were read"
            if stored < log[0]
            else "the topic was made anew, or lost its newest events"
        )
        super().__init__(
            f"{topic}[{partition}] goes on at offset {stored}, but its log holds "
            f"{log[0]} to {log[1]}: {lost}.",
            hint="Choose with ANALYTICS_STREAMING__OUT_OF_RANGE: earliest goes on "
            "with the oldest event there is, latest with the next new one, fail "
            "stops. What is skipped is recorded, nothing is deleted.",
        )


class Backlogged(Unavailable):
    """Too much is committed and not yet sent; nothing was written."""

    def __init__(self, *, pending: int, limit: int) -> None:
        self.pending, self.limit = pending, limit
        super().__init__(
            f"{pending} bytes of outputs wait to be sent, the limit is {limit}.",
            hint="Commit again when some were delivered; is the broker reachable?",
        )


class StateUnusable(PlatformError):
    """The state database is damaged or cannot be written; nothing is retried."""
