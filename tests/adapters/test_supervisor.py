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
# Says so once it can be told to end; under coverage that is not from the first moment.
READY = (
    sys.executable,
    "-c",
    "import time; print('ready', flush=True); time.sleep(60)",
)
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


def test_a_service_that_keeps_ending_waits_twice_as_long_each_time_up_to_a_minute(
    tmp_path: Path,
) -> None:
    supervisor = Supervisor()
    supervisor.start(Service("brief", (sys.executable, "-c", ""), tmp_path / "b.log"))
    waits, now = [], float(round(time.monotonic()))
    for _ in range(8):
        pid = supervisor.pids["brief"]
        assert wait_until(partial(has_ended, pid))
        planned = now
        supervisor.check(now)
        while supervisor.pids["brief"] == pid:
            now += 0.5
            supervisor.check(now)
        waits.append(now - planned)
    supervisor.stop()
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]


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


def test_a_service_that_may_finish_is_left_alone_once_it_has(tmp_path: Path) -> None:
    supervisor = Supervisor()
    done = Service("done", (sys.executable, "-c", ""), tmp_path / "1", may_finish=True)
    failing = (sys.executable, "-c", "raise SystemExit(1)")
    failed = Service("failed", failing, tmp_path / "2", may_finish=True)
    supervisor.start(done)
    supervisor.start(failed)
    assert wait_until(lambda: all(map(has_ended, supervisor.pids.values())))
    now = time.monotonic()
    first = supervisor.pids["failed"]
    supervisor.check(now)
    supervisor.check(now + 1.01)
    assert "done" not in supervisor.pids
    assert supervisor.pids["failed"] != first
    supervisor.stop()


def test_what_needs_a_restarted_service_is_restarted_too(tmp_path: Path) -> None:
    supervisor = Supervisor()
    supervisor.start(Service("broker", SLEEPER, tmp_path / "1"))
    supervisor.start(Service("reader", READY, tmp_path / "2", needs="broker"))
    assert wait_until(lambda: "ready" in (tmp_path / "2").read_text())
    before = supervisor.pids
    os.kill(before["broker"], signal.SIGKILL)
    assert wait_until(partial(has_ended, before["broker"]))
    now = time.monotonic()
    supervisor.check(now)
    supervisor.check(now + 1.01)
    assert wait_until(partial(has_ended, before["reader"]))
    supervisor.check(now + 2)
    supervisor.check(now + 3.01)
    after = supervisor.pids
    assert not set(before.values()) & set(after.values())
    assert not any(map(has_ended, after.values()))
    supervisor.stop()


def test_what_needs_another_service_ends_before_it(tmp_path: Path) -> None:
    """The reader, when told to end, notes whether its broker still runs."""
    note = tmp_path / "note"
    broker = Service("broker", SLEEPER, tmp_path / "1")
    supervisor = Supervisor()
    supervisor.start(broker)
    reader = """
import os, signal, sys, time
from pathlib import Path
def end(*_):
    time.sleep(0.3)
    os.kill(int(sys.argv[1]), 0)
    Path(sys.argv[2]).write_text("it runs")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
time.sleep(60)
"""
    command = (sys.executable, "-c", reader, str(supervisor.pids["broker"]), str(note))
    supervisor.start(Service("reader", command, tmp_path / "2", needs="broker"))
    assert wait_until(lambda: "ready" in (tmp_path / "2").read_text())
    supervisor.stop()
    assert note.read_text() == "it runs"
