"""The real flights, streamed and in the marts: the same figures, by the same rule."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from analytics_platform.adapters.brokers import Broker
from analytics_platform.adapters.topic import Topics
from analytics_platform.contracts.domain import Severity
from analytics_platform.domains.flights import DOMAIN
from tests.support.commands import Commands
from tests.support.kafka_server import running_kafka
from tests.support.streamed_flights import (
    DAYS,
    FIRST,
    figures,
    judged,
    metrics,
    stream,
    streaming_home,
    verdicts,
    with_rule,
)

pytestmark = pytest.mark.system

WINDOWS = {one.name for one in DOMAIN.live_windows}
LOAD = ("materialize", "--select", 'key:"raw/flight_events"')
REBUILD = 'key:"marts/fct_flights" or key:"published/snapshot"'
MINUTES = "arrival_delay_minutes > 15"


@pytest.fixture(scope="module")
def bootstrap() -> Iterator[str]:
    """A broker of its own: the topics of the domain have fixed names."""
    with running_kafka() as broker:
        yield broker.bootstrap


@pytest.fixture(scope="module")
def streamed(
    built: Commands, bootstrap: str, tmp_path_factory: pytest.TempPathFactory
) -> Commands:
    """A home with four weeks of flights in marts, in live windows, and loaded back."""
    copy = built.copy(tmp_path_factory.mktemp("fifteen") / "var")
    home = streaming_home(copy, bootstrap)
    asked = ("--from", FIRST, "--days", str(DAYS), "--rate", "max")
    sent = home.run("replay", *asked)
    assert sent.code == 0, sent.end
    stream(home)
    loaded = home.run(*LOAD)
    assert loaded.code == 0, loaded.end
    return home


def test_no_partition_is_without_events_and_so_holds_windows_back(
    streamed: Commands,
) -> None:
    broker = Broker.configured(streamed.variables["ANALYTICS_STREAMING__BROKERS"])
    for topic in DOMAIN.streams[0].topics:
        bounds = Topics(broker).bounds(topic.name)
        assert len(bounds) == (topic.partitions or 4)
        assert all(begin < end for begin, end in bounds.values())


def test_every_figure_of_every_live_window_is_that_of_the_mart(
    streamed: Commands,
) -> None:
    checked = verdicts(streamed)
    assert set(checked) == WINDOWS
    assert {name: one.detail for name, one in checked.items() if not one.passed} == {}
    compared = {name: one.total_rows for name, one in checked.items()}
    # 26 of the 28 days at three airports; one flight in twelve is in the files.
    assert 3 * 24 <= compared["arrivals_today"] <= 3 * 26
    assert min(compared.values()) > 70, compared
    assert compared["arrivals_60m"] > 4_000
    found = judged(streamed, metrics(streamed))
    for name, one in found.items():
        assert (one.parity.compared, one.parity.differing) == (compared[name], 0)
        assert one.parity.unstated == ()  # every metric has a bound, so is compared
        assert one.parity.with_late < one.parity.compared / 2


@pytest.mark.parametrize(
    ("sql", "figure"),
    [
        ("delete from {mart} where {flight}", "count"),
        (
            "update {mart} set arrival_delay_minutes = 999 where {flight}",
            "worst_arrival_delay_minutes",
        ),
    ],
)
def test_a_changed_row_of_the_mart_is_red_in_the_windows_that_hold_it(
    streamed: Commands, tmp_path: Path, sql: str, figure: str
) -> None:
    home = streamed.copy(tmp_path / "var")
    [(key, origin, arrived_ms)] = home.rows(
        "select flight_key, origin_code, epoch_ms(actual_arrival_utc) "
        "from marts.fct_flights where flight_date = date '2013-02-14' "
        "and arrival_delay_minutes is not null order by flight_key limit 1"
    )
    with home.inside.resources().warehouse.session() as session:
        flight = f"flight_key = '{key}'"
        session.execute(sql.format(mart="marts.fct_flights", flight=flight))
    found = judged(home, metrics(home))
    assert {name for name, one in found.items() if not one.passed} >= {
        "arrivals_today",
        "carrier_arrivals_60m",
        "arrivals_60m",
    }
    assert found["arrivals_60m"].parity.differing == 6  # one every ten minutes
    [day] = {one[:3] for one in found["arrivals_today"].parity.first}
    assert day[0] == origin
    assert day[1] <= int(str(arrived_ms)) < day[2]
    assert figure in {one.figure for one in found["arrivals_today"].parity.first}
    assert {one.severity for one in found.values()} == {Severity.ERROR}


@dataclass(frozen=True)
class Moved:
    """The home after the rule was changed, and its metrics."""

    home: Commands
    metrics: dict[str, Any]


@pytest.fixture(scope="module")
def moved(
    built: Commands, streamed: Commands, tmp_path_factory: pytest.TempPathFactory
) -> Moved:
    """The same flights and events where late is more than 30 minutes, and no more."""
    bootstrap = streamed.variables["ANALYTICS_STREAMING__BROKERS"]
    copy = built.copy(tmp_path_factory.mktemp("thirty") / "var")
    home = with_rule(streaming_home(copy, bootstrap), MINUTES, MINUTES[:-2] + "30")
    asked = ("--from", "2013-02", "--to", "2013-02", "--select", REBUILD)
    rebuilt = home.run("materialize", *asked)
    assert rebuilt.code == 0, rebuilt.end
    stream(home)
    loaded = home.run(*LOAD)
    assert loaded.code == 0, loaded.end
    return Moved(home, metrics(home))


def test_one_line_of_yaml_moves_mart_live_windows_and_parity(
    streamed: Commands, moved: Moved
) -> None:
    for home, minutes in ((streamed, 15), (moved.home, 30)):
        assert all(one.passed for one in verdicts(home).values())
        [(mart, raw)] = home.rows(
            "select count(*) filter (where is_late), "
            f"count(*) filter (where arrival_delay_minutes > {minutes}) "
            "from marts.fct_flights where flight_date >= date '2013-02-01' "
            "and flight_date < date '2013-03-01'"
        )
        assert mart == raw
        live = figures(home, "carrier_arrivals_60m", "late_flights")
        sent = {
            (str(carrier), int(str(hour))): late
            for carrier, hour, late in home.rows(
                "select carrier_code, epoch_ms(date_trunc('hour', happened_at)), "
                f"count(*) filter (where arrival_delay_minutes > {minutes}) "
                "from raw.flight_events where event_kind = 'arrival' group by all"
            )
        }
        assert len(live) > 1_000
        assert live == {name: sent[name] for name in live}
        assert sum(map(int, map(str, live.values()))) > 100


def test_the_old_rule_is_not_that_of_the_windows_any_more(
    streamed: Commands, moved: Moved
) -> None:
    found = judged(moved.home, metrics(streamed))
    red = {name for name, one in found.items() if not one.passed}
    assert red == {name for name in WINDOWS if "arrivals" in name}
    for name in red:
        assert {one.figure for one in found[name].parity.first} <= {
            "late_flights",
            "late_share",
        }
