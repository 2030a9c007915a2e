"""`analytics materialize` asked to end: it does, in order; the next one proceeds."""

import signal

import pytest

from tests.support.commands import Commands, Ended
from tests.support.marts import mart_bytes
from tests.system.conftest import PUBLISHED

pytestmark = pytest.mark.system

MONTHS = ["2013-01", "2013-02", "2013-03", "2013-04"]
BUILD = ("materialize", "--from", "2013-02", "--to", "2013-02", "--select", PUBLISHED)
ENDS_SECONDS = 60.0  # a second or two on a quiet machine
INTERRUPTED = 130
STOPS = (
    (signal.SIGINT, "raw__flights"),
    (signal.SIGTERM, "dbt_1_partitions"),
)


def test_an_interrupted_build_marks_its_run_and_the_next_one_proceeds(
    copy_of_built: Commands, built: Commands
) -> None:
    for number, step in STOPS:
        ended = _interrupted(copy_of_built, number, step)
        assert ended.code == INTERRUPTED, ended.end
        since = ended.text.partition(f"{step} failed")[2]
        assert " done in " not in since, "no step is done after it"
        statuses = set(copy_of_built.run_statuses().values())
        assert statuses <= {"SUCCESS", "FAILURE", "CANCELED"}

    again = copy_of_built.run(*BUILD)

    assert again.code == 0, again.end
    assert "dead_run_mended" not in again.text, "no run was left behind"
    here = mart_bytes(copy_of_built, MONTHS, same_home=True)
    there = mart_bytes(built, MONTHS, same_home=True)
    assert [key for key in sorted(here) if here[key] != there[key]] == []


def _interrupted(home: Commands, number: signal.Signals, step: str) -> Ended:
    with home.started(*BUILD) as command:
        command.wait_for(lambda: step in command.steps_begun)
        command.process.send_signal(number)
        return command.ended(ENDS_SECONDS)
