"""Services are kept running and none is left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil

from analytics_platform.adapters.processes import identify, is_alive
from analytics_platform.adapters.supervisor import Service, Supervisor

SLEEPER = (sys.executable, "-c", "import time; time.sleep(60)")
# Deaf to SIGTERM, and so is what it starts.
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
if child:
    print(child, flush=True)
time.sleep(60)
"""
SUPERVISOR = """
import sys, time
from pathlib import Path
from analytics_platform.adapters.supervisor import Service, Supervisor
from analytics_platform.observability import configure_logging
configure_logging(format="json", level="INFO")
supervisor = Supervisor()
supervisor.start(Service("sleeper", sys.argv[2:], Path(sys.argv[1])))
print(supervisor.pids["sleeper"], flush=True)
time.sleep(60)
"""


def wait_until(holds: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)
    return holds()


def has_ended(pid: int) -> bool:
    return identify(pid) is None


def test_an_ended_service_is_restarted_after_its_wait(tmp_path: Path) -> None:
    supervisor = Supervisor()
    supervisor.start(Service("sleeper", SLEEPER, tmp_path / "sleeper.log"))
    first = supervisor.pids["sleeper"]
    os.kill(first, signal.SIGKILL)
    assert wait_until(partial(has_ended, first))
    now = time.monotonic()
    supervisor.check(now)
    assert supervisor.pids["sleeper"] == first, "the first wait is one second"
    supervisor.check(now + 1.01)
    assert supervisor.pids["sleeper"] != first
    supervisor.stop()


def test_a_service_that_keeps_ending_waits_twice_as_long_each_time(
    tmp_path: Path,
) -> None:
    supervisor = Supervisor()
    supervisor.start(Service("brief", (sys.executable, "-c", ""), tmp_path / "b.log"))
    waits, now = [], time.monotonic()
    for _ in range(3):
        pid = supervisor.pids["brief"]
        assert wait_until(partial(has_ended, pid))
        planned = now
        supervisor.check(now)
        while supervisor.pids["brief"] == pid:
            now += 0.5
            supervisor.check(now)
        waits.append(now - planned)
    supervisor.stop()
    assert waits == [1.0, 2.0, 4.0]


def test_output_goes_to_the_log_file(tmp_path: Path) -> None:
    supervisor = Supervisor()
    log_file = tmp_path / "logs" / "talker.log"
    command = (sys.executable, "-c", "print('hello', flush=True)")
    supervisor.start(Service("talker", command, log_file))
    assert wait_until(lambda: log_file.read_text() == "hello\n")
    supervisor.stop()


def test_a_killed_supervisor_takes_its_services_with_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SUPERVISOR, str(tmp_path / "s.log"), *SLEEPER]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        service = identify(int(process.stdout.readline()))
        assert service is not None
        process.kill()
        assert wait_until(lambda: not is_alive(service))


def test_a_killed_supervisor_takes_what_will_not_end_with_it(tmp_path: Path) -> None:
    log_file = tmp_path / "s.log"
    command = [sys.executable, "-c", SUPERVISOR, str(log_file)]
    with subprocess.Popen(
        [*command, sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        service = identify(int(process.stdout.readline()))
        assert service is not None
        assert wait_until(lambda: len(log_file.read_text().split()) == 1)
        child = identify(int(log_file.read_text()))
        assert child is not None
        process.kill()
        assert wait_until(lambda: not is_alive(service) and not is_alive(child), 15)


def test_a_reaper_ends_with_its_supervisor(tmp_path: Path) -> None:
    others = set(psutil.Process().children())
    supervisor = Supervisor()
    supervisor.start(Service("sleeper", SLEEPER, tmp_path / "sleeper.log"))
    started = set(psutil.Process().children()) - others
    supervisor.stop()
    assert len(started) == 2
    assert not any(child.is_running() for child in started)
