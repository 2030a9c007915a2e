"""The sidecar while the broker or its database is away, on a full disk, taken over."""

import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from analytics_platform.adapters.brokers import Broker
from analytics_platform.adapters.kafka_broker import KafkaBroker
from analytics_platform.errors import DiskFull
from streaming.fencing import Contested
from tests.domains import readings as domain
from tests.support.forked_sidecars import Forked, Forks, forks, suspend
from tests.support.live_checks import differences, outputs_wait
from tests.support.live_sidecar import (
    LiveTopic,
    copied_home,
    free_port,
    given,
    have_all,
)
from tests.support.postgres import stoppable_postgres
from tests.support.stream_homes import make_stream_home

pytestmark = pytest.mark.system

SOON = {"ANALYTICS_STREAMING__SESSION_SECONDS": "2"}


@pytest.fixture(scope="session")
def stream_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with published metrics; copy it."""
    folder = tmp_path_factory.mktemp("stream") / "home"
    make_stream_home(folder, domain.semantic_manifest())
    return folder


@pytest.fixture
def topic(kafka: KafkaBroker, stream_home: Path, tmp_path: Path) -> Iterator[LiveTopic]:
    """A new topic, and a home for its sidecars."""
    home = copied_home(stream_home, tmp_path / "home")
    with closing(LiveTopic(Broker.configured(kafka.bootstrap), home)) as found:
        yield found


@pytest.fixture
def some(tmp_path: Path) -> Iterator[Forks]:
    """Starts sidecars."""
    with forks(tmp_path / "outputs") as found:
        yield found


def at_work(one: Forked) -> Forked:
    one.wait_for(lambda: bool(given(one.text)))
    return one


def said(one: Forked, event: str) -> Callable[[], bool]:
    """Whether it has said this."""
    return lambda: f'"event": "{event}"' in one.text


def taken(port: int) -> float:
    """How many events a sidecar says it took."""
    text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    name = "analytics_stream_events_total"
    lines = [line for line in text.splitlines() if line.startswith(name)]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def assert_all_right(topic: LiveTopic, some: Forks, *members: Forked) -> None:
    """Everything is closed, committed, sent and said once; then they are ended."""
    topic.end()
    found = have_all(topic, lambda: any(one.code is not None for one in members))
    for one in members:
        one.signal(signal.SIGTERM)
    assert [one.ended() for one in members] == [0] * len(members), str(members[0])
    if outputs_wait(topic):  # they end within seconds, the next one sends it
        last = some.start(topic.variables())
        last.wait_for(lambda: not outputs_wait(topic))
        last.signal(signal.SIGTERM)
        assert last.ended() == 0
    assert differences(topic, found) == []


def test_a_broker_that_goes_away_is_waited_for_and_it_is_said_once(
    kafka: KafkaBroker, topic: LiveTopic, some: Forks
) -> None:
    one = at_work(some.start(topic.variables()))
    topic.send(1, 300)
    kafka.kill()
    topic.send(2, 300, wait=False)
    one.wait_for(said(one, "broker_is_away"))
    kafka.start()
    one.wait_for(said(one, "broker_came_back"))
    assert one.text.count("broker_is_away") == 1
    assert_all_right(topic, some, one)


def test_a_sidecar_that_is_started_without_a_broker_waits_for_it(
    kafka: KafkaBroker, topic: LiveTopic, some: Forks
) -> None:
    topic.send(1, 300)
    kafka.stop()
    one = some.start(topic.variables())
    one.wait_for(said(one, "broker_is_away"))
    kafka.start()
    assert_all_right(topic, some, at_work(one))


def test_a_sidecar_that_is_ended_while_the_broker_is_away_leaves_nothing_out(
    kafka: KafkaBroker, topic: LiveTopic, some: Forks
) -> None:
    one = at_work(some.start(topic.variables()))
    topic.send(1, 300)
    kafka.kill()
    one.wait_for(said(one, "broker_is_away"))
    one.signal(signal.SIGTERM)
    assert one.ended() == 0, str(one)
    kafka.start()
    assert_all_right(topic, some, at_work(some.start(topic.variables())))


def test_while_the_state_database_is_away_nothing_more_is_taken_and_none_is_lost(
    kafka: KafkaBroker, stream_home: Path, tmp_path: Path, some: Forks
) -> None:
    home, port = copied_home(stream_home, tmp_path / "home"), free_port()
    address = Broker.configured(kafka.bootstrap)
    with (
        stoppable_postgres() as server,
        closing(LiveTopic(address, home, server.url)) as topic,
    ):
        variables = topic.variables(ANALYTICS_PORTS__SIDECAR=str(port))
        one = at_work(some.start(variables, most_uncommitted=200))
        topic.send(1, 300)
        one.wait_for(lambda: taken(port) == 300)
        server.stop()
        topic.send(2, 600)
        one.wait_for(said(one, "reading_paused"))
        one.wait_for(said(one, "state_database_awaited"))
        before = taken(port)
        topic.send(3, 1_000)
        time.sleep(1)
        assert taken(port) == before < 1_900
        server.start()
        one.wait_for(said(one, "reading_resumed"))
        assert len(given(one.text)) == 1  # it was a member all the time
        assert_all_right(topic, some, one)


def test_a_full_disk_ends_the_sidecar_with_one_line_and_the_next_one_goes_on(
    topic: LiveTopic, some: Forks
) -> None:
    topic.send(1, 300)
    first = at_work(some.start(topic.variables()))
    first.signal(signal.SIGTERM)
    assert first.ended() == 0
    with closing(sqlite3.connect(topic.home / "stream.sqlite")) as opened:
        ((pages,),) = opened.execute("pragma page_count").fetchall()
    second = some.start(topic.variables(), pages=pages + 8)
    topic.send(2, 3_000)
    assert second.ended() == DiskFull.exit_code == 1
    lines = [line for line in second.text.splitlines() if not line.startswith("{")]
    assert lines == [
        "error: The state database cannot grow: database or disk is full.",
        "What was there before is untouched. Free some space and run again.",
    ]
    topic.send(3, 300)
    assert_all_right(topic, some, at_work(some.start(topic.variables())))


@pytest.mark.parametrize(
    ("setting", "code"),
    [
        (("STREAMING__STATE", "postgresql+psycopg2://postgres@127.0.0.1:1/none"), 1),
        (("PORTS__SIDECAR", "none"), 2),
        (("DOMAIN", "tests.domains.none"), 2),
    ],
    ids=["database away", "a wrong setting", "no domain"],
)
def test_a_sidecar_that_cannot_start_says_why_in_few_lines(
    topic: LiveTopic, some: Forks, setting: tuple[str, str], code: int
) -> None:
    name, value = setting
    one = some.start(topic.variables() | {f"ANALYTICS_{name}": value})
    assert one.ended() == code, str(one)
    lines = [line for line in one.text.splitlines() if not line.startswith("{")]
    assert lines[0].startswith("error: ")
    assert len(lines) <= 3


def test_a_damaged_state_ends_the_sidecar_and_stays_as_it_is(
    topic: LiveTopic, some: Forks
) -> None:
    database, damaged = topic.home / "stream.sqlite", b"no database" * 1_000
    for one in topic.home.glob("stream.sqlite-*"):
        one.unlink()
    database.write_bytes(damaged)
    ended = some.start(topic.variables())
    assert ended.ended() == 1, str(ended)
    lines = [line for line in ended.text.splitlines() if not line.startswith("{")]
    assert lines[0].startswith("error: The database stream.sqlite is damaged")
    assert len(lines) <= 2
    assert database.read_bytes() == damaged


def test_a_member_that_was_suspended_begins_anew_by_itself(
    topic: LiveTopic, some: Forks
) -> None:
    first = at_work(some.start(topic.variables(**SOON)))
    second = some.start(topic.variables(**SOON))
    second.wait_for(lambda: 2 in map(len, given(second.text)))
    topic.send(1, 300)
    suspend(second, topic.home)
    topic.send(2, 300)
    first.wait_for(lambda: len(given(first.text)[-1]) == domain.PARTITIONS)
    topic.send(3, 300)
    times = len(given(second.text))
    second.signal(signal.SIGCONT)
    second.wait_for(lambda: len(given(second.text)) > times)
    assert said(second, "partitions_lost")()
    topic.send(4, 300)
    assert_all_right(topic, some, first, second)


def test_a_sidecar_whose_partitions_another_group_takes_again_and_again_ends(
    topic: LiveTopic, some: Forks
) -> None:
    other = {"ANALYTICS_STREAMING__GROUP": "another"}
    members = [some.start(topic.variables()), some.start(topic.variables(**other))]
    while not (ended := [one for one in members if one.code is not None]):
        topic.send(1, 40)
        time.sleep(0.1)
    (contested,) = ended
    assert contested.code == Contested.exit_code == 5
    last = contested.text[contested.text.index("\nerror: ") :].splitlines()
    assert last[1].startswith("error: Another process works on this one's partitions.")
    assert len(last) == 3
    members.remove(contested)
    assert_all_right(topic, some, *members)


def test_of_two_sidecars_of_one_name_one_ends(topic: LiveTopic, some: Forks) -> None:
    named = topic.variables(ANALYTICS_STREAMING__MEMBER="ann", **SOON)
    members = [at_work(some.start(named))]
    ports = {"ANALYTICS_PORTS__SIDECAR": str(free_port())}
    members.append(some.start(named | ports))
    while not (ended := [one for one in members if one.code is not None]):
        topic.send(1, 40)
        time.sleep(0.1)
    (contested,) = ended
    assert contested.code == Contested.exit_code, str(contested)
    members.remove(contested)
    assert_all_right(topic, some, *members)
