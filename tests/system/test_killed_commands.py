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
# Steps during which to kill, in order of the build: loads, builds, features, publish.
STEPS = (
    "raw__weather",
    "raw__flights",
    "dbt_1_partitions",
    "features__\\w+",
    "published__snapshot",
)
PROCEEDS_SECONDS = 10.0


@dataclass(frozen=True)
class Killed:
    """One killed command: how long until its first step, and whether it was killed."""

    first_step_seconds: float
    was_killed: bool


@pytest.fixture(scope="module")
def home(new_home: NewHome) -> Commands:
    return new_home()


@pytest.fixture(scope="module")
def kills(home: Commands) -> list[Killed]:
    """Commands, each killed at a random moment of a later step than the one before."""
    chance = random.Random(2013)  # noqa: S311 - repeatable, not secret
    return [_killed(home, step, chance.uniform(0.0, 1.0)) for step in STEPS]


def test_the_next_command_proceeds_and_nothing_is_lost_or_doubled(
    home: Commands, kills: list[Killed], built: Commands
) -> None:
    assert all(one.was_killed for one in kills)

    started = time.monotonic()
    with home.started(*BUILD, "--select", PUBLISHED) as command:
        command.wait_for(lambda: command.steps_begun)
        last = time.monotonic() - started
        ended = command.ended()

    assert ended.code == 0, ended.text
    undisturbed = kills[0].first_step_seconds
    for waited in (*(one.first_step_seconds for one in kills[1:]), last):
        assert waited < max(PROCEEDS_SECONDS, 2 * undisturbed)
    here, there = mart_bytes(home, MONTHS), mart_bytes(built, MONTHS)
    assert [key for key in sorted(here) if here[key] != there[key]] == []


@pytest.mark.usefixtures("kills")
def test_each_killed_run_is_marked_failed(home: Commands) -> None:
    statuses = Counter(home.run_statuses().values())
    assert statuses.pop("FAILURE") == len(STEPS)
    assert statuses.keys() == {"SUCCESS"}


def _killed(home: Commands, step: str, later_seconds: float) -> Killed:
    started = time.monotonic()
    with home.started(*BUILD, "--select", PUBLISHED) as command:
        command.wait_for(lambda: command.steps_begun)
        first_step = time.monotonic() - started
        command.wait_for(lambda: _has_begun(command.steps_begun, step))
        time.sleep(later_seconds)
        alive = command.process.poll() is None
        os.kill(command.process.pid, signal.SIGKILL)
        command.process.wait(10)
    return Killed(first_step, alive)


def _has_begun(begun: list[str], step: str) -> bool:
    return any(re.fullmatch(step, one) for one in begun)
