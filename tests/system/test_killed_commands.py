"""`analytics materialize` killed (-9) at any moment: the next one takes over."""

import os
import random
import re
import signal
import time
from collections import Counter
from dataclasses import dataclass

import pytest

from tests.support.commands import Commands
from tests.support.marts import mart_bytes
from tests.system.conftest import FIRST, LAST, PUBLISHED, NewHome

pytestmark = pytest.mark.system

BUILD = ("materialize", "--missing", "--from", FIRST, "--to", LAST)
MONTHS = ["2013-01", "2013-02", "2013-03", "2013-04"]
# While the stores are made and the first libraries are imported.
EARLY_SECONDS = (1.0, 3.0, 6.0)
# Steps during which to kill, and at most how long after their beginning: loads, builds,
# checks of what was built, features, publish. The last two take a fraction of a second:
# a kill may come too late for them, and nothing is left to do for the next command.
STEPS = {
    "raw__weather": 1.0,
    "raw__flights": 1.0,
    "dbt_1_partitions": 1.0,
    "checks_of_marts_fct_flights": 0.5,
    "features__\\w+": 0.3,
    "published__snapshot": 0.1,
}
NOTHING = "Nothing is missing."
PROCEEDS_SECONDS = 10.0


@dataclass(frozen=True)
class Killed:
    """A killed command: how long until its first step; whether the kill met it."""

    first_step_seconds: float
    in_time: bool


@pytest.fixture(scope="module")
def home(new_home: NewHome) -> Commands:
    return new_home()


@pytest.fixture(scope="module")
def kills(home: Commands) -> dict[str, Killed]:
    """Commands, each killed at a random moment of a later step than the one before."""
    chance = random.Random(2013)  # noqa: S311 - repeatable, not secret
    for seconds in EARLY_SECONDS:
        with home.started(*BUILD, "--select", PUBLISHED) as command:
            time.sleep(seconds)
            command.process.kill()
    return {
        step: _killed(home, step, chance.uniform(0.0, longest))
        for step, longest in STEPS.items()
    }


def test_the_next_command_proceeds_and_nothing_is_lost_or_doubled(
    home: Commands, kills: dict[str, Killed], built: Commands
) -> None:
    assert all(kills[step].in_time for step in list(STEPS)[:4])

    started = time.monotonic()
    with home.started(*BUILD, "--select", PUBLISHED) as command:
        command.wait_for(lambda: command.steps_begun or NOTHING in command.text)
        last = time.monotonic() - started
        ended = command.ended()

    assert ended.code == 0, ended.end
    first, *others = (one.first_step_seconds for one in kills.values())
    for waited in (*others, last):
        assert waited < max(PROCEEDS_SECONDS, 2 * first)
    here, there = mart_bytes(home, MONTHS), mart_bytes(built, MONTHS)
    assert [key for key in sorted(here) if here[key] != there[key]] == []


@pytest.mark.usefixtures("kills")
def test_all_that_an_undisturbed_command_checks_is_checked(
    home: Commands, built: Commands
) -> None:
    assert _judged(home) == _judged(built)


@pytest.mark.usefixtures("kills")
def test_no_killed_run_is_left_marked_as_running(home: Commands) -> None:
    statuses = Counter(home.run_statuses().values())
    assert statuses.pop("FAILURE") >= len(STEPS) - 2
    assert statuses.keys() <= {"SUCCESS"}


def _judged(home: Commands) -> set[tuple[str, str | None, str]]:
    latest = home.inside.resources().store.verdicts.latest()
    return {(one.asset, one.partition, one.check) for one in latest}


def _killed(home: Commands, step: str, later_seconds: float) -> Killed:
    started = time.monotonic()
    with home.started(*BUILD, "--select", PUBLISHED) as command:
        command.wait_for(lambda: command.steps_begun or NOTHING in command.text)
        first_step = time.monotonic() - started
        command.wait_for(
            lambda: _has_begun(command.steps_begun, step) or NOTHING in command.text
        )
        time.sleep(later_seconds)
        os.kill(command.process.pid, signal.SIGKILL)
        code = command.process.wait(10)
    return Killed(first_step, in_time=code == -signal.SIGKILL)


def _has_begun(begun: list[str], step: str) -> bool:
    return any(re.fullmatch(step, one) for one in begun)
