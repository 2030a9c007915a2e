"""Processes by id and start time, so that a reused id is never mistaken."""

import signal
from dataclasses import dataclass

import psutil

# psutil derives start times from clock ticks; 10 ms each on Linux.
_START_TOLERANCE_SECONDS = 0.05


@dataclass(frozen=True)
class ProcessId:
    """A process; `started` is its start time in seconds since the epoch."""

    pid: int
    started: float


def identify(pid: int) -> ProcessId | None:
    """The process that has this id now; None when there is none or it is a zombie."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return ProcessId(pid, process.create_time())
    except psutil.NoSuchProcess:
        return None


def is_alive(process: ProcessId) -> bool:
    """Whether this very process still runs."""
    now = identify(process.pid)
    return (
        now is not None
        and abs(now.started - process.started) < _START_TOLERANCE_SECONDS
    )


def family(process: ProcessId) -> list[ProcessId]:
    """The process and all its descendants, if it still runs."""
    if not is_alive(process):
        return []
    members = [psutil.Process(process.pid)]
    members += members[0].children(recursive=True)
    found = (identify(member.pid) for member in members)
    return [member for member in found if member is not None]


def end(processes: list[ProcessId], *, grace_seconds: float) -> None:
    """Ask processes to end, wait, then kill those that have not."""
    alive = [psutil.Process(member.pid) for member in processes if is_alive(member)]
    for process in alive:
        _signal(process, signal.SIGTERM)
    _, stubborn = psutil.wait_procs(alive, timeout=grace_seconds)
    for process in stubborn:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(stubborn, timeout=grace_seconds)


def port_owner(port: int) -> str | None:
    """Who listens on a loopback port: `name (pid)`; None when it is free."""
    for connection in psutil.net_connections(kind="tcp"):
        address = connection.laddr
        if connection.status != psutil.CONN_LISTEN or not address:
            continue
        if address.port == port:
            owner = identify(connection.pid) if connection.pid else None
            if owner is None:
                return "a process of another user"
            return f"{psutil.Process(owner.pid).name()} (process {owner.pid})"
    return None


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
