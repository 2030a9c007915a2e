"""Processes are told apart by their start time and ended with their children."""

import socket
import subprocess
import sys
import time

from analytics_platform.adapters.processes import (
    ProcessId,
    end,
    family,
    identify,
    is_alive,
    port_owner,
)

SLEEPER = "import time; time.sleep(60)"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEPER!r}])"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('ready', flush=True); time.sleep(60)"
)


def start(code: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)


def known(process: "subprocess.Popen[bytes]") -> ProcessId:
    found = identify(process.pid)
    assert found is not None
    return found


def test_a_reused_id_is_another_process() -> None:
    with start(SLEEPER) as process:
        found = known(process)
        assert is_alive(found)
        assert not is_alive(ProcessId(found.pid, found.started - 100))
        process.kill()


def test_an_ended_process_is_not_alive_even_before_it_is_reaped() -> None:
    with start(SLEEPER) as process:
        found = known(process)
        process.kill()
        deadline = time.monotonic() + 10
        while is_alive(found) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not is_alive(found)


def test_a_family_ends_together() -> None:
    with start(PARENT) as process:
        found = known(process)
        deadline = time.monotonic() + 10
        while len(family(found)) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        members = family(found)
        assert len(members) == 2
        end(members, grace_seconds=5)
        assert [member for member in members if is_alive(member)] == []


def test_a_process_that_ignores_the_request_is_killed() -> None:
    with start(STUBBORN) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = known(process)
        end([found], grace_seconds=0.3)
        assert not is_alive(found)


def test_a_taken_port_names_its_owner() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        owner = port_owner(port)
        assert owner is not None
        assert "process" in owner
    assert port_owner(port) is None
