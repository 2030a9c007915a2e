"""Which partitions have records to be read, or may have, and so are not idle."""

from collections.abc import Collection, Mapping, Sequence

from streaming.membership import Progress
from streaming.records import RawRecords, TopicPartition

# A broker answers within milliseconds. One that is away for good, while others answer,
# must not hold windows back for ever.
_HELD_SECONDS = 60.0


class Unread:
    """Tells what is to be read; times are monotonic seconds."""

    def __init__(self) -> None:
        self._begun: dict[TopicPartition, float] = {}  # and not answered for yet

    def begin(self, partitions: Collection[TopicPartition], now: float) -> None:
        """Note partitions that were just assigned: their logs' ends are not known."""
        self._begun |= dict.fromkeys(partitions, now)

    def among(
        self,
        progress: Mapping[TopicPartition, Progress],
        polled: Sequence[RawRecords],
        now: float,
    ) -> set[TopicPartition]:
        """Partitions that have records to be read, or had until just now.

        Those that the broker has not answered for since they were assigned are among
        them, for at most a minute, and those that are paused: nobody looks there.
        """
        self._begun = {
            where: since
            for where, since in self._begun.items()
            if now - since < _HELD_SECONDS and not _is_known(progress.get(where))
        }
        behind = {
            where for where, found in progress.items() if found.waiting or found.paused
        }
        return behind | {one.where for one in polled if len(one)} | set(self._begun)


def _is_known(found: Progress | None) -> bool:
    return found is not None and found.stable_end is not None
