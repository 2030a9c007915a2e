"""When the driver commits, on a real state database."""

import asyncio
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from analytics_platform.adapters.control_store.migrations import migrate
from tests.support.driven import (
    FakeConsumer,
    Process,
    SentRecords,
    Troubled,
    logs_of,
    values_of,
)
from tests.support.readings import expected, last_readings, readings, stored

LOGS = logs_of([*readings(1, 1_200), *last_readings()])


class Unhurried(FakeConsumer):
    """Brings nothing more, after two polls, until two commits are written."""

    def __init__(self, logs: Sequence[Sequence[bytes]]) -> None:
        super().__init__(logs, piece=100)
        self.polls, self.are_written = 0, threading.Event()

    async def poll(self, seconds: float) -> list[SentRecords]:
        """The third waits, at most five seconds."""
        self.polls += 1
        if self.polls == 3:
            assert await asyncio.to_thread(self.are_written.wait, 5)
        return await super().poll(seconds)


def test_results_that_came_during_a_commit_do_not_wait_for_another_poll(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path / 'stream.sqlite'}"
    migrate(url)
    store, consumer = Troubled.open(url), Unhurried(values_of(LOGS))
    assert isinstance(store, Troubled)
    one = Process(store, consumer)

    def slow(number: int) -> None:
        if number == 1:
            time.sleep(0.2)  # both polls are through by then

    def after(number: int) -> None:
        if number == 2:
            consumer.are_written.set()

    store.trouble = slow
    store.after = after
    one.run()
    assert consumer.polls > 3
    assert stored(url) == expected(LOGS)
