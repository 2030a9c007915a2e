"""Sidecars as forks of a process that has loaded everything: they start in a second."""

import multiprocessing
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tests.support.commands import wait_for
from tests.support.orders import Order
from tests.support.sidecar_steps import Death

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.support.warm_sidecar"])
_ALONE = threading.Lock()  # that a process has ended is read once
_LONGEST_SECONDS = 300.0  # of anything, on a machine with other work
_LINES, _WIDTH = 12, 300


@dataclass(frozen=True)
class Forked:
    """A sidecar under way."""

    process: ForkServerProcess
    output: Path

    @property
    def text(self) -> str:
        """What it has written."""
        return self.output.read_text() if self.output.exists() else ""

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        with _ALONE:
            return self.process.exitcode

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it still runs."""
        with suppress(ProcessLookupError):
            os.kill(self.process.pid or 0, number)

    def ended(self, seconds: float = _LONGEST_SECONDS) -> int:
        """Its exit code, as soon as it has ended."""
        wait_for(lambda: self.code is not None, seconds, say=self)
        return self.code or 0

    def wait_for(
        self, seen: Callable[[], bool], seconds: float = _LONGEST_SECONDS
    ) -> None:
        """Until something is seen; fails when the sidecar ends."""
        wait_for(seen, seconds, unless=lambda: self.code is not None, say=self)

    def __str__(self) -> str:
        lines = [line[:_WIDTH] for line in self.text.splitlines()[-_LINES:]]
        return "\n".join([f"exit code {self.code}; its last lines:", *lines])


class Forks:
    """Starts sidecars; their outputs are in a folder."""

    def __init__(self, outputs: Path) -> None:
        outputs.mkdir(parents=True, exist_ok=True)
        self._outputs = outputs
        self.all: list[Forked] = []

    def start(
        self,
        variables: Mapping[str, str],
        death: Death | None = None,
        *,
        pages: int | None = None,
        most_uncommitted: int | None = None,
    ) -> Forked:
        """A sidecar with this environment; the rest as in Order."""
        output = self._outputs / f"{len(self.all)}.txt"
        order = Order(variables, output, death, pages, most_uncommitted)
        with _ALONE:
            process = _FORKS.Process(target=_live, args=(order,))
            process.start()
        self.all.append(Forked(process, output))
        return self.all[-1]

    @property
    def running(self) -> list[Forked]:
        """Those that have not ended."""
        return [one for one in self.all if one.code is None]

    def kill(self) -> None:
        """End all of them at once."""
        running = self.running
        for one in running:
            one.signal(signal.SIGKILL)
        for one in running:
            one.ended()


@contextmanager
def forks(outputs: Path) -> Iterator[Forks]:
    """None of these sidecars is left at the end."""
    found = Forks(outputs)
    try:
        yield found
    finally:
        found.kill()


def _live(order: Order) -> None:
    # In the fork, where it is loaded already.
    from tests.support.warm_sidecar import live

    live(order)


def suspend(one: Forked, home: Path) -> None:
    """Stop it (SIGSTOP) while it holds no lock of SQLite that others wait for."""
    for _ in range(500):
        one.signal(signal.SIGSTOP)
        if all(_is_free(path) for path in home.glob("*.sqlite")):
            return
        one.signal(signal.SIGCONT)
        time.sleep(0.01)
    raise AssertionError(f"it always holds a lock: {one}")


def _is_free(database: Path) -> bool:
    with closing(
        sqlite3.connect(database, timeout=0, isolation_level=None)
    ) as connection:
        try:
            connection.execute("begin immediate")
        except sqlite3.OperationalError:
            return False
        connection.execute("rollback")
        return True
