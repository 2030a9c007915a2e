"""What the state database needs now and then: old rows deleted, sizes read."""

import time
from collections import Counter
from collections.abc import Collection

from analytics_platform.errors import Unavailable
from analytics_platform.observability import get_logger
from streaming.checkpoints.store import CheckpointStore
from streaming.checkpoints.values import Retention, Source
from streaming.checkpoints.writer import CheckpointWriter

log = get_logger(__name__)

_SIZES_SECONDS = 10.0
_PRUNE_SECONDS = 60.0


class Upkeep:
    """Done between two commits, so that none of it holds up events.

    `sizes` are the bytes stored of each state, by name, as last seen.
    """

    def __init__(
        self, writer: CheckpointWriter, sources: Collection[Source], keep: Retention
    ) -> None:
        self.sizes: Counter[str] = Counter()
        self._writer, self._sources, self._keep = writer, tuple(sources), keep
        self._sized = self._pruned = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether it is time again."""
        return time.monotonic() - self._sized >= _SIZES_SECONDS

    async def run(self, wall_ms: int) -> None:
        """Do what is due; a database that is away is left alone until next time."""
        now = self._sized = time.monotonic()
        try:
            await self._writer.run(CheckpointStore.forget_delivered)
            if now - self._pruned >= _PRUNE_SECONDS:
                self._pruned = now
                await self._writer.run(lambda store: self._prune(store, wall_ms))
            self.sizes = await self._writer.run(self._measure)
        except Unavailable as error:
            log.warning("upkeep_postponed", error=str(error))

    def _prune(self, store: CheckpointStore, wall_ms: int) -> None:
        for cluster in {one.cluster for one in self._sources}:
            store.prune(cluster, self._keep, wall_ms)

    def _measure(self, store: CheckpointStore) -> Counter[str]:
        found: Counter[str] = Counter()
        for source in self._sources:
            for (name, _), size in store.sizes(source).items():
                found[name] += size.snapshot + size.log
        return found
