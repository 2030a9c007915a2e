"""The real `analytics` command in processes of its own, in a home of its own."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import dagster as dg
import duckdb
import psutil

from tests.support.platform_home import PlatformHome

ROOT = Path(__file__).resolve().parents[2]
_LONGEST_SECONDS = 600.0  # of one command, on a machine with other work
_STEP_BEGINS = re.compile(r"^(\w+) \.\.\.$", re.MULTILINE)
_LAST_LINES, _WIDTH = 12, 160  # of what a command wrote
Found = TypeVar("Found")


@dataclass(frozen=True)
class Ended:
    """What a command left: exit code and all that it wrote."""

    code: int
    text: str

    @property
    def end(self) -> str:
        """Its last lines, as a failed test tells them: logs of CI are cut."""
        lines = [line[:_WIDTH] for line in self.text.splitlines()[-_LAST_LINES:]]
        return "\n".join([f"it ended with code {self.code}; its last lines:", *lines])


@dataclass(frozen=True)
class Command:
    """A command under way; what it writes goes to a file."""

    process: "subprocess.Popen[bytes]"
    output: Path

    @property
    def text(self) -> str:
        return self.output.read_text()

    @property
    def steps_begun(self) -> list[str]:
        return _STEP_BEGINS.findall(self.text)

    def ended(self, seconds: float = _LONGEST_SECONDS) -> Ended:
        return Ended(self.process.wait(seconds), self.text)

    def wait_for(
        self, seen: Callable[[], Found], seconds: float = _LONGEST_SECONDS
    ) -> Found:
        """What `seen` gives as soon as it is true; fails when the command ends."""
        return wait_for(
            seen, seconds, unless=lambda: self.process.poll() is not None, say=self
        )

    def __str__(self) -> str:
        code = self.process.poll()
        if code is None:
            return f"it still runs: {self.text[-_WIDTH:]}"
        return Ended(code, self.text).end


@dataclass(frozen=True)
class Commands:
    """A home, and the variables with which every command on it is started."""

    folder: Path
    variables: Mapping[str, str]

    @property
    def inside(self) -> PlatformHome:
        """The same home, seen from this process."""
        return PlatformHome(self.folder, self.variables)

    @contextmanager
    def started(self, *arguments: str) -> Iterator[Command]:
        """`analytics <arguments>`, killed at the end if it still runs."""
        outputs = self.folder.parent / f"{self.folder.name}-outputs"
        outputs.mkdir(exist_ok=True)
        self.folder.mkdir(exist_ok=True)
        output = outputs / f"{len(list(outputs.iterdir()))}-{arguments[0]}.txt"
        with output.open("wb") as opened:
            process = subprocess.Popen(
                [sys.executable, "-m", "analytics_platform.cli.main", *arguments],
                stdout=opened,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=self.folder,
                env=self._environment(),
            )
        try:
            yield Command(process, output)
        finally:
            kill_family(process.pid)
            process.wait(30)

    def run(self, *arguments: str) -> Ended:
        with self.started(*arguments) as command:
            return command.ended()

    def copy(self, folder: Path) -> "Commands":
        """Another home in the same state; nothing may be running in this one."""
        shutil.copytree(self.folder, folder)
        return replace(self, folder=folder)

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """What the warehouse answers, while no command has it open."""
        with duckdb.connect(self.folder / "warehouse.duckdb", read_only=True) as opened:
            return opened.execute(sql).fetchall()

    def run_statuses(self) -> dict[str, str]:
        """The status of every run of Dagster, by its id."""
        with self.inside.entered(), dg.DagsterInstance.get() as instance:
            return {run.run_id: run.status.value for run in instance.get_runs()}

    def _environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ANALYTICS_", "DAGSTER_", "DBT_"))
        }
        return {**kept, **self.variables, "ANALYTICS_HOME": str(self.folder)}


def wait_for(
    seen: Callable[[], Found],
    seconds: float,
    *,
    unless: Callable[[], bool] = lambda: False,
    say: object = "",
) -> Found:
    """What `seen` gives as soon as it is true, looked for at most so long."""
    deadline = time.monotonic() + seconds
    while True:
        over = unless() or time.monotonic() > deadline
        if found := seen():
            return found
        assert not over, f"not seen within {seconds:.0f} s: {say}"
        time.sleep(0.05)


def family_of(pid: int) -> list[psutil.Process]:
    """A process and all its descendants."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run; a zombie does not."""
    return [
        process
        for process in processes
        if process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    ]


def kill_family(pid: int) -> None:
    """End a process of this test and all that it started, at once."""
    for process in family_of(pid):
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
