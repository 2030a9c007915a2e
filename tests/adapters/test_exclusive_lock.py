"""One holder at a time, among threads and processes; a killed holder frees it."""

import subprocess
import sys
import threading
import time
from pathlib import Path

from analytics_platform.adapters.exclusive_lock import exclusive_lock

HOLDER = """
import sys, time
from pathlib import Path
from analytics_platform.adapters.exclusive_lock import exclusive_lock
with exclusive_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_it_is_taken_twice_by_one_holder(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with exclusive_lock(path), exclusive_lock(path):
        pass
    with exclusive_lock(path):
        pass


def test_a_killed_holder_frees_it_at_once(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        threading.Timer(0.5, process.kill).start()
        started = time.monotonic()
        with exclusive_lock(path):
            waited = time.monotonic() - started
    assert 0.3 < waited < 5


def test_threads_take_turns(tmp_path: Path) -> None:
    path, inside, most = tmp_path / "lock", [0], [0]

    def hold() -> None:
        for _ in range(20):
            with exclusive_lock(path):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0.001)
                inside[0] -= 1

    threads = [threading.Thread(target=hold) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
