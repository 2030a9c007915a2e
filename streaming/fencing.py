"""What a member does that finds its partitions taken over: begin anew, or end."""

from collections import deque

from analytics_platform.errors import Conflict
from analytics_platform.observability import get_logger
from streaming.checkpoints.errors import Fenced

log = get_logger(__name__)

_MOST = 3
_WITHIN_SECONDS = 60.0


class Contested(Conflict):
    """Another process works on the same partitions and does not stop."""

    exit_code = 5

    def __init__(self, error: Fenced) -> None:
        super().__init__(
            f"Another process works on this one's partitions. {error.message}",
            hint="It uses the same state database in another consumer group, or the "
            "same ANALYTICS_STREAMING__MEMBER. Give each sidecar a name of its own "
            "and all of them one group. What is committed is right.",
        )


class Fences:
    """How often partitions were taken over from this process lately."""

    def __init__(self, name: str) -> None:
        """`name` is what this process calls itself where it owns something."""
        self._name = name
        self._at: deque[float] = deque(maxlen=_MOST)

    def note(self, error: Fenced, now: float) -> None:
        """Say that it happened; `now` are monotonic seconds.

        A process that was suspended, or that did not reach the broker, meets it once
        and begins anew.

        Raises:
            Contested: the new owner has the same name, or it keeps happening.
        """
        log.warning(
            "partitions_lost",
            topic=error.topic,
            partitions=error.partitions,
            owners=sorted(error.owners),
            error=error.message,
        )
        is_full = len(self._at) == self._at.maxlen
        keeps_happening = is_full and now - self._at[0] < _WITHIN_SECONDS
        self._at.append(now)
        if self._name in error.owners or keeps_happening:
            raise Contested(error) from error
