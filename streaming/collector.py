"""Keeps the garbage collector's long pauses out of the way of live results."""

import asyncio
import gc
import time
from collections.abc import Callable
from typing import Literal

from prometheus_client import Histogram

from analytics_platform.observability import get_logger

log = get_logger(__name__)

# Young objects are looked at often, which is cheap; the old ones by `collect_at_rest`.
_THRESHOLDS = (50_000, 20, 1_000)
_EVERY_SECONDS = 60.0
_AT_LATEST_SECONDS = 600.0  # busy or not: cycles must not pile up without end
_LOOK_SECONDS = 1.0


class GarbageCollection:
    """When this process's garbage collector runs, and how long it stops everything."""

    def __init__(self, pauses: Histogram) -> None:
        self._pauses = [pauses.labels(str(generation)) for generation in range(3)]
        self._started = 0.0

    def settle(self) -> None:
        """Take what lives now for permanent: call it after warming up.

        A full collection then looks only at what came later: 0.4 ms, not 190.
        """
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_THRESHOLDS)

    def watch(self) -> None:
        """Measure every pause from now on."""
        if self._measure not in gc.callbacks:
            gc.callbacks.append(self._measure)

    def leave(self) -> None:
        """Measure no more."""
        if self._measure in gc.callbacks:
            gc.callbacks.remove(self._measure)

    async def collect_at_rest(self, is_at_rest: Callable[[], bool]) -> None:
        """Collect fully about once a minute, when there is nothing else to do."""
        last = time.monotonic()
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            waited = time.monotonic() - last
            if waited < _EVERY_SECONDS:
                continue
            if is_at_rest() or waited >= _AT_LATEST_SECONDS:
                found = gc.collect()
                last = time.monotonic()
                log.debug("garbage_collected", objects=found)

    def _measure(self, phase: Literal["start", "stop"], info: dict[str, int]) -> None:
        if phase == "start":
            self._started = time.perf_counter()
        else:
            pause = time.perf_counter() - self._started
            self._pauses[info["generation"]].observe(pause)
