"""The whole platform: started, used while it loads history, and killed."""

import json
import os
import socket
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, replace

import psutil
import pytest

from tests.support.commands import Command, Commands, alive, family_of
from tests.system.conftest import NewHome

pytestmark = pytest.mark.system

# One month of history.
CLOCK = "replay:2013-02-02T04:00:00Z@600"
GONE_SECONDS = 15.0


@pytest.fixture(scope="module")
def home(new_home: NewHome) -> Commands:
    found = new_home()
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


def test_a_taken_port_names_its_owner(home: Commands) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        other = replace(
            home, variables={**home.variables, "ANALYTICS_PORTS__DAGSTER": port}
        )
        refused = other.run("up")
    assert refused.code == 2, refused.text
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
    assert {"raw/flights", "reports/flight_operations"} <= assets


def test_a_killed_supervisor_leaves_no_process(killed_while_loading: Life) -> None:
    assert killed_while_loading.left == []


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


def _answers(home: Commands) -> bool:
    address = f"http://127.0.0.1:{_port(home)}/server_info"
    try:
        with urllib.request.urlopen(address, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _port(home: Commands) -> str:
    return home.variables["ANALYTICS_PORTS__DAGSTER"]
