"""One bad row among four months: what is built, what is kept back, what repairs it."""

from pathlib import Path

import pytest

from tests.support.commands import Commands, Ended
from tests.support.marts import PARTITIONED, mart_bytes, months_in
from tests.support.platform_home import Built
from tests.system.conftest import FIRST, LAST, PUBLISHED, NewHome

pytestmark = pytest.mark.system

GOOD = ["2013-01", "2013-02", "2013-04"]
BUILD = ("materialize", "--from", FIRST, "--to", LAST, "--select", PUBLISHED)


@pytest.fixture(scope="module")
def home(new_home: NewHome) -> Commands:
    """A home in which one flight of March leaves from an airport elsewhere."""
    return new_home()


@pytest.fixture(scope="module")
def broken(home: Commands) -> Ended:
    source = _flights(home)
    good = source.read_text()
    lines = good.splitlines(keepends=True)
    position = next(n for n, line in enumerate(lines) if line.startswith("2013,3,15,"))
    lines[position] = _from_elsewhere(lines[position])
    source.write_text("".join(lines))
    ended = home.run(*BUILD)
    source.write_text(good)
    return ended


def test_a_bad_row_keeps_its_month_back_and_no_other(
    home: Commands, broken: Ended, built: Commands
) -> None:
    assert broken.code == 3, broken.end
    assert "raw/flights: 2013-03-01" in broken.text
    for table in PARTITIONED:
        assert set(months_in(home, table)) - {"2013-03"} == set(GOOD), table
    assert months_in(home, "fct_flights") == GOOD
    others = {key for key in mart_bytes(built, GOOD) if key[1]}
    here, there = mart_bytes(home, GOOD), mart_bytes(built, GOOD)
    assert [key for key in sorted(others) if here[key] != there[key]] == []


@pytest.mark.usefixtures("broken")
def test_nothing_whole_that_reads_the_month_is_built(home: Commands) -> None:
    wholes = {asset for asset, part in home.inside.materialized() if part is None}
    assert "marts/dim_carriers" in wholes, "it reads no flights"
    assert "marts/mart_route_performance" not in wholes
    assert "published/snapshot" not in wholes


@pytest.mark.usefixtures("broken")
def test_the_repair_builds_that_month_and_what_reads_it(
    home: Commands, built: Commands
) -> None:
    before = home.inside.materialized()

    repaired = home.run(*BUILD, "--missing")

    assert repaired.code == 0, repaired.end
    again = home.inside.materialized() - before
    months = {part[:7] for asset, part in again if part and asset not in _LOOKING_BACK}
    assert months == {"2013-03"}
    assert ("raw/weather", "2013-03-01") not in again, "it was built already"
    assert {("marts/mart_route_performance", None), ("published/snapshot", None)} <= {
        *again
    }
    assert mart_bytes(home, [*GOOD, "2013-03"]) == mart_bytes(built, [*GOOD, "2013-03"])
    _assert_once(home.inside.materialized())


# Features of April look back into March.
_LOOKING_BACK = frozenset(
    {
        "features/carrier_punctuality",
        "features/plane_arrivals",
        "features/route_punctuality",
        "features/origin_departures",
        "features/origin_weather",
    }
)


def _assert_once(built: Built) -> None:
    twice = {key for key, times in built.items() if times > 1}
    assert twice == set()


def _from_elsewhere(line: str) -> str:
    fields = line.rstrip("\n").split(",")
    assert fields[12] in ("EWR", "JFK", "LGA")
    fields[12] = "ZZZ"
    return ",".join(fields) + "\n"


def _flights(home: Commands) -> Path:
    return home.folder.parent / "packages" / "few_flights_data" / "flights.csv"
