"""Two builds at once take turns; one month built again changes no byte of a mart."""

from collections import Counter

import pytest

from tests.support.commands import Commands
from tests.support.marts import mart_bytes
from tests.system.conftest import PUBLISHED

pytestmark = pytest.mark.system

MONTHS = ["2013-01", "2013-02", "2013-03", "2013-04"]


def _month(key: str) -> tuple[str, ...]:
    return ("materialize", "--from", key, "--to", key, "--select", PUBLISHED)


def test_two_builds_at_once_both_succeed_and_touch_their_own_month_only(
    copy_of_built: Commands, built: Commands
) -> None:
    before = copy_of_built.inside.materialized()

    with (
        copy_of_built.started(*_month("2013-02")) as one,
        copy_of_built.started(*_month("2013-03")) as other,
    ):
        ends = [one.ended(), other.ended()]

    for end in ends:
        assert end.code == 0, end.end
        assert "lock" not in end.text.lower()
    again = copy_of_built.inside.materialized() - before
    months = Counter(part[:7] for _, part in again if part)
    assert months.keys() == {"2013-02", "2013-03"}
    assert again["marts/fct_flights", "2013-02-01"] == 1
    assert again["published/snapshot", None] == 2
    here = mart_bytes(copy_of_built, MONTHS, same_home=True)
    there = mart_bytes(built, MONTHS, same_home=True)
    assert [key for key in sorted(here) if here[key] != there[key]] == []
