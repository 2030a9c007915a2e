"""Keeps services running: starts them, restarts those that end, ends them all."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from analytics_platform.adapters.processes import ProcessId, end, family, identify
from analytics_platform.observability import get_logger

log = get_logger(__name__)

_FIRST_WAIT_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 60.0
_STABLE_SECONDS = 60.0  # a service that ran this long starts over with short waits
_GRACE_SECONDS = 10.0


@dataclass(frozen=True)
class Service:
    """A process to keep running; its output goes to `log_file`.

    It runs in `folder`. Dagster's processes load the `.env` that lies there over their
    environment, so it is not the checkout. One that `may_finish` is not restarted once
    it ended with exit code 0. One that `needs` another is restarted after that one was,
    and ends before it.
    """

    name: str
    command: Sequence[str]
    log_file: Path
    folder: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    may_finish: bool = False
    needs: str | None = None


@dataclass
class _Kept:
    service: Service
    process: "subprocess.Popen[bytes]"
    started: float
    wait: float = _FIRST_WAIT_SECONDS
    due: float | None = None


class Supervisor:
    """The services of one platform process; used from one thread."""

    def __init__(self, on_change: Callable[[], None] = lambda: None) -> None:
        """`on_change` is called after a service has been started."""
        self._kept: dict[str, _Kept] = {}
        self._on_change = on_change
        self._adopted: list[int] = []
        self._reaper: subprocess.Popen[bytes] | None = None

    def start(self, service: Service) -> None:
        """Start a service; from now on it is restarted whenever it ends."""
        self._kept[service.name] = _Kept(service, _spawn(service), time.monotonic())
        log.info("service_started", service=service.name, pid=self.pids[service.name])
        self._changed()

    def adopt(self, session: int) -> None:
        """Have this session end too, should this process be killed."""
        self._adopted.append(session)
        self._changed()

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by service name."""
        return {name: kept.process.pid for name, kept in self._kept.items()}

    def identities(self) -> dict[str, ProcessId]:
        """The running services' process ids and start times."""
        found = {name: identify(pid) for name, pid in self.pids.items()}
        return {name: process for name, process in found.items() if process}

    def check(self, now: float) -> None:
        """Restart what has ended, each time after twice the wait (1 to 60 s).

        `now` is a monotonic time in seconds.
        """
        for kept in list(self._kept.values()):
            if kept.process.poll() is None:
                continue
            if kept.service.may_finish and kept.process.returncode == 0:
                log.info("service_finished", service=kept.service.name)
                del self._kept[kept.service.name]
                self._changed()
            elif kept.due is None:
                self._plan_restart(kept, now)
            elif now >= kept.due:
                self._restart(kept, now)

    def stop(self) -> None:
        """End every service and all that it started."""
        self._end(name for name, kept in self._kept.items() if kept.service.needs)
        self._end(self._kept)
        for kept in self._kept.values():
            kept.process.wait()
        self._kept.clear()
        if self._reaper and self._reaper.stdin:
            self._reaper.stdin.close()
            self._reaper.wait()
            self._reaper = None

    def _end(self, names: Iterable[str]) -> None:
        running = self.identities()
        chosen = [running[name] for name in names if name in running]
        members = [member for one in chosen for member in family(one)]
        end(members, grace_seconds=_GRACE_SECONDS)

    def _plan_restart(self, kept: _Kept, now: float) -> None:
        if now - kept.started > _STABLE_SECONDS:
            kept.wait = _FIRST_WAIT_SECONDS
        kept.due = now + kept.wait
        log.warning(
            "service_ended",
            service=kept.service.name,
            exit_code=kept.process.returncode,
            restart_seconds=kept.wait,
            log_file=str(kept.service.log_file),
        )
        kept.wait = min(kept.wait * 2, _LONGEST_WAIT_SECONDS)

    def _restart(self, kept: _Kept, now: float) -> None:
        kept.process = _spawn(kept.service)
        kept.started, kept.due = now, None
        log.info("service_restarted", service=kept.service.name, pid=kept.process.pid)
        self._changed()
        self._end(
            other.service.name
            for other in self._kept.values()
            if other.service.needs == kept.service.name and other.due is None
        )

    def _changed(self) -> None:
        if self._reaper is None:
            self._reaper = _start_reaper()
        sessions = [*self.pids.values(), *self._adopted]
        if self._reaper.stdin and self._reaper.poll() is None:
            self._reaper.stdin.write(f"{' '.join(map(str, sessions))}\n".encode())
            self._reaper.stdin.flush()
        self._on_change()


def _spawn(service: Service) -> "subprocess.Popen[bytes]":
    service.log_file.parent.mkdir(parents=True, exist_ok=True)
    with service.log_file.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - the command is the platform's own
            list(service.command),
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd=service.folder,
            env={**os.environ, **service.environment},
            start_new_session=True,  # a terminal's Ctrl-C goes to the supervisor alone
        )


def _start_reaper() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "analytics_platform.adapters.reaper"],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
