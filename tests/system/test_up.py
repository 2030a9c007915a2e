"""The whole platform: started, used, killed, started again and ended."""

import json
import os
import re
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import psutil
import pytest
from websockets.sync.client import ClientConnection, connect

from analytics_platform.adapters.clock_state import read_state as read_clock
from analytics_platform.adapters.platform_state import read_state
from analytics_platform.defs.automation import INCREMENT_JOB
from streaming.windows.warming import warmed
from tests.support.commands import Command, Commands, alive, family_of
from tests.support.stream_homes import KERNELS
from tests.system.conftest import NewHome

pytestmark = pytest.mark.system

# One month of history; the replay begins 15 s, or five hours, before a midnight.
SPEED = 1200
CLOCK = f"replay:2013-02-02T00:00:00Z@{SPEED}"
GONE_SECONDS = 15.0
A_DAY_SECONDS = 600.0  # a minute and a half on a quiet machine
PORTS = [
    f"ANALYTICS_PORTS__{name}" for name in ("DAGSTER", "MLFLOW", "KAFKA", "SIDECAR")
]
Part = tuple[str, str | None]
FIRST_DAY = "2013-02-01"
REPORT: Part = ("reports/flight_operations", None)


@pytest.fixture(scope="module")
def home(new_home: NewHome) -> Commands:
    found = new_home()
    found.folder.mkdir(parents=True)
    warmed(KERNELS)
    (found.folder / "kernels").symlink_to(KERNELS)
    return replace(found, variables={**found.variables, "ANALYTICS_CLOCK": CLOCK})


@dataclass(frozen=True)
class Life:
    """What one `up` showed before it was killed, and what was left 15 s later."""

    pages_before_history: bool
    second: tuple[int, str]
    status: tuple[int, str]
    left: list[psutil.Process]


@pytest.fixture(scope="module")
def killed_while_loading(home: Commands) -> Life:
    """The first `up`, killed (-9) while it loads history."""
    with home.started("up") as up:
        up.wait_for(lambda: _answers(home))
        early = "history to" not in up.text
        second, status = home.run("up"), home.run("status", "--json")
        up.wait_for(lambda: "raw__flights" in up.steps_begun)
        left = _killed(up)
    return Life(early, (second.code, second.text), (status.code, status.text), left)


@pytest.fixture(scope="module")
def running(home: Commands, killed_while_loading: Life) -> Iterator[Command]:
    """The second `up`, with history loaded and the replay going on."""
    assert not killed_while_loading.left
    with home.started("up") as up:
        up.wait_for(lambda: "Everything runs." in up.text)
        yield up


def test_a_taken_port_names_its_owner(home: Commands) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        other = replace(
            home, variables={**home.variables, "ANALYTICS_PORTS__DAGSTER": port}
        )
        refused = other.run("up")
    assert refused.code == 2, refused.end
    assert f"Port {port}" in refused.text
    assert f"(process {os.getpid()})" in refused.text


def test_pages_open_while_history_is_loaded(killed_while_loading: Life) -> None:
    assert killed_while_loading.pages_before_history


def test_a_second_up_prints_the_addresses_of_the_first(
    home: Commands, killed_while_loading: Life
) -> None:
    code, text = killed_while_loading.second
    assert code == 0, text
    assert f"http://localhost:{_port(home)}" in text


def test_status_answers_while_history_is_loaded(killed_while_loading: Life) -> None:
    code, text = killed_while_loading.status
    assert code == 0, text
    assets = {one["asset"] for one in json.loads(text[text.index("[") :])}
    assert {"raw/flights", REPORT[0]} <= assets


def test_a_killed_supervisor_leaves_no_process(killed_while_loading: Life) -> None:
    assert killed_while_loading.left == []


def test_windows_are_pushed_without_anyone_doing_anything(
    home: Commands, running: Command
) -> None:
    port = home.variables["ANALYTICS_PORTS__SIDECAR"]
    page = re.search(rf"http://localhost:{port}/#key=(ak_\w+)", running.text)
    assert page, running.text
    again = home.run("up")
    assert page[0] in again.text
    request = {"type": "subscribe", "channel": "windows.arrivals_60m"}
    with connect(f"ws://127.0.0.1:{port}/ws") as socket:
        socket.send(json.dumps({"type": "authenticate", "token": page[1]}))
        socket.send(json.dumps(request))
        window = running.wait_for(lambda: _message(socket), A_DAY_SECONDS)
    assert window
    assert window["key"] in {"EWR", "JFK", "LGA"}
    assert window["data"]["end_ms"] - window["data"]["start_ms"] == 3_600_000


def test_a_day_reaches_the_report_by_itself_even_if_its_run_is_killed(
    home: Commands, running: Command
) -> None:
    before = home.inside.materialized()
    worker = running.wait_for(lambda: _worker(home), A_DAY_SECONDS)
    assert worker
    run_id, pid = worker
    os.kill(pid, signal.SIGKILL)

    again = running.wait_for(lambda: _repeated(home, run_id), A_DAY_SECONDS)

    assert again
    assert again.status is dg.DagsterRunStatus.SUCCESS
    new = home.inside.materialized() - before
    for asset in ("raw/flights", "marts/fct_flights", "features/plane_arrivals"):
        assert (asset, FIRST_DAY) in new
    assert REPORT in new


def test_after_a_kill_the_replay_goes_on_where_it_was(
    home: Commands, running: Command
) -> None:
    assert _killed(running) == []
    state, clock = read_state(home.folder), read_clock(home.folder)
    assert state
    assert clock
    seen = clock.position_at(state.seen_at)
    assert datetime.now(UTC) - state.seen_at > timedelta(seconds=1)

    with home.started("up") as up:
        up.wait_for(lambda: _answers(home))
        stopped = read_clock(home.folder)
        assert stopped
        assert stopped.is_paused
        assert abs(stopped.position - seen) < timedelta(seconds=SPEED)
        up.wait_for(lambda: "Everything runs." in up.text)
        resumed = read_clock(home.folder)
        assert resumed
        assert not resumed.is_paused
        assert seen <= resumed.position < seen + timedelta(seconds=SPEED)
        members = family_of(up.process.pid)
        down = home.run("down")
        assert down.code == 0, down.end
        assert up.ended(10).code == 0
    assert alive(members) == []
    assert read_state(home.folder) is None
    for name in PORTS:
        socket.create_server(("127.0.0.1", int(home.variables[name]))).close()


def _worker(home: Commands) -> tuple[str, int] | None:
    """The run that loads the new day, at work, and its process."""
    time.sleep(0.5)  # the platform needs the processor more
    wanted = dg.RunsFilter(
        job_name=INCREMENT_JOB, statuses=[dg.DagsterRunStatus.STARTED]
    )
    with home.inside.entered(), dg.DagsterInstance.get() as instance:
        for run in instance.get_runs(wanted):
            for entry in instance.all_logs(run.run_id):
                event = entry.dagster_event
                if event and event.step_key == "raw__flights":
                    return run.run_id, _process_of(instance, run)
    return None


def _process_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> int:
    told = [
        entry.dagster_event.engine_event_data.metadata.get("pid")
        for entry in instance.all_logs(
            run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT
        )
        if entry.dagster_event
    ]
    return int(str([pid.value for pid in told if pid][-1]))


def _repeated(home: Commands, run_id: str) -> dg.DagsterRun | None:
    """The run that repeats another, once it has ended."""
    time.sleep(1)
    with home.inside.entered(), dg.DagsterInstance.get() as instance:
        for run in instance.get_runs(dg.RunsFilter(job_name=INCREMENT_JOB)):
            if run.parent_run_id == run_id and run.is_finished:
                return run
    return None


def _killed(up: Command) -> list[psutil.Process]:
    """Kill the supervisor alone; gives what of its family still runs 15 s later."""
    members = family_of(up.process.pid)
    up.process.kill()
    up.process.wait(10)
    deadline = time.monotonic() + GONE_SECONDS
    while alive(members) and time.monotonic() < deadline:
        time.sleep(0.2)
    left = alive(members)
    for process in left:
        process.kill()
    return left


def _message(socket: ClientConnection) -> dict[str, Any] | None:
    """The next message of a channel, unless another frame comes first."""
    items = json.loads(socket.recv(timeout=60)).get("items", [])
    return next((item for item in items if item["type"] == "message"), None)


def _answers(home: Commands) -> bool:
    address = f"http://127.0.0.1:{_port(home)}/server_info"
    try:
        with urllib.request.urlopen(address, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _port(home: Commands) -> str:
    return home.variables["ANALYTICS_PORTS__DAGSTER"]
