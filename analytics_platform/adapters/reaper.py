"""A process that ends what its supervisor leaves when that is killed.

It reads lines from its standard input, each with the ids of all sessions that are to
end with the supervisor; the last line counts when the input ends.
"""

import os
import signal
import sys

import psutil

from analytics_platform.adapters.processes import ProcessId, end, identify

_GRACE_SECONDS = 4.0
# What a process started while it was asked to end is seen in the second round.
_ROUNDS = 2


def reap() -> None:
    """Wait for the supervisor's end, then end every process of its sessions."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sessions: frozenset[int] = frozenset()
    for line in sys.stdin:
        sessions = frozenset(map(int, line.split()))
    for _ in range(_ROUNDS):
        end(members(sessions), grace_seconds=_GRACE_SECONDS)


def members(sessions: frozenset[int]) -> list[ProcessId]:
    """The running processes of these sessions."""
    found = (identify(pid) for pid in psutil.pids() if _session(pid) in sessions)
    return [process for process in found if process is not None]


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:  # it ended, or belongs to someone else
        return None


if __name__ == "__main__":
    reap()
