"""Whether a consumer still moves: assigned, behind, and no progress is a stall."""

import os
import threading
import time
from collections.abc import Callable, Iterable

from analytics_platform.errors import PlatformError
from analytics_platform.observability import get_logger
from streaming.membership import Progress

log = get_logger(__name__)

_LOOK_SECONDS = 1.0


class Stalled(PlatformError):
    """The consumer has had work for too long without doing any of it."""

    exit_code = 4

    def __init__(self, *, seconds: float, lag: int) -> None:
        self.seconds, self.lag = seconds, lag
        super().__init__(
            f"No progress for {seconds:.0f} s although {lag} records wait.",
            hint="The process ends so that it is started anew; look at the log before.",
        )


class Liveness:
    """Watches the sum of the positions; times are monotonic seconds."""

    def __init__(self, *, stall_seconds: float, now: float) -> None:
        self._stall_seconds = stall_seconds
        self._moved_at = now
        self._done: int | None = None

    def restart(self, now: float) -> None:
        """Count from `now`: the partitions changed, or the broker was away."""
        self._moved_at = now
        self._done = None

    def observe(self, partitions: Iterable[Progress], *, now: float) -> None:
        """Note how far the partitions are.

        Raises:
            Stalled: records waited all the time and none was taken.
        """
        seen = list(partitions)
        done = sum(each.position for each in seen)
        waiting = sum(each.waiting for each in seen)
        if not waiting or done != self._done:
            self._moved_at, self._done = now, done
        elif now - self._moved_at > self._stall_seconds:
            raise Stalled(seconds=now - self._moved_at, lag=waiting)


class Guard:
    """Ends the process when it stalls so hard that its own loop does not notice."""

    def __init__(
        self, look: Callable[[float], None], *, end: Callable[[int], object] = os._exit
    ) -> None:
        """`look` is called with the monotonic time and raises Stalled."""
        self._look = look
        self._end = end
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="guard", daemon=True)

    def start(self) -> None:
        """Look every second, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(_LOOK_SECONDS):
            try:
                self._look(time.monotonic())
            except Stalled as error:
                log.critical("consumer_stalled", error=str(error))
                self._end(Stalled.exit_code)
                return
