"""The one thread that talks to the state database, for the event loop to await."""

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from analytics_platform.core.backoff import wait_seconds
from analytics_platform.errors import Unavailable
from analytics_platform.observability import get_logger
from streaming.checkpoints.errors import Backlogged
from streaming.checkpoints.store import CheckpointStore
from streaming.checkpoints.values import Commit, Committed

log = get_logger(__name__)

Result = TypeVar("Result")


class CheckpointWriter:
    """A store in its own thread; what is asked of it is done in that order."""

    def __init__(self, store: CheckpointStore) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoints")
        # While one commit is tried again, those that follow must not overtake it.
        self._turn = asyncio.Lock()

    async def run(self, action: Callable[[CheckpointStore], Result]) -> Result:
        """What `action` gives for the store; it is finished even if not awaited."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, action, self._store)

    async def commit(self, commit: Commit) -> Committed:
        """Write a commit, waiting for as long as the database is away.

        Raises:
            Fenced, Backlogged, DiskFull, StateUnusable: see CheckpointStore.commit.
        """
        return await self.patiently(lambda store: store.commit(commit))

    async def patiently(self, action: Callable[[CheckpointStore], Result]) -> Result:
        """Like `run`, again and again for as long as the database is away.

        Backlogged is not waited for: it takes deliveries, which the caller makes.
        """
        attempt = 0
        async with self._turn:
            while True:
                try:
                    result = await self.run(action)
                except Backlogged:
                    raise
                except Unavailable as error:
                    attempt += 1
                    log.warning(
                        "state_database_awaited", error=str(error), attempt=attempt
                    )
                    jitter = random.random()  # noqa: S311
                    await asyncio.sleep(wait_seconds(attempt, jitter=jitter))
                else:
                    if attempt:
                        log.info("state_database_came_back", attempts=attempt)
                    return result

    async def close(self) -> None:
        """Finish what was asked for, then close the store."""
        await self.run(CheckpointStore.close)
        await asyncio.to_thread(self._thread.shutdown)
