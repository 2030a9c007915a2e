"""Events sent as the platform's clock passes them, once each, over restarts."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from analytics_platform.adapters.brokers import Broker, BrokerKind
from analytics_platform.adapters.embedded_broker import EmbeddedBroker
from analytics_platform.adapters.replay_events import EventReplay, SentEvent
from analytics_platform.adapters.replay_following import (
    EventIds,
    Follower,
    after,
    last_sent,
)
from analytics_platform.adapters.replay_position import PositionFile
from analytics_platform.adapters.replay_sending import Sender
from analytics_platform.adapters.topic import (
    OutgoingRecord,
    Topics,
    TopicWriter,
    ensure_topics,
)
from analytics_platform.core.pacing import Allowance, Position
from analytics_platform.domains.flights.streams import EVENTS
from analytics_platform.errors import DamagedRecord, Unavailable
from tests.domains.toy import DOMAIN
from tests.domains.toy.dataset import ZONE
from tests.domains.toy.streams import RIDES

ZERO = datetime(2013, 11, 1, tzinfo=UTC)
ZERO_MS = int(ZERO.timestamp() * 1000)
FIRST_TOPIC = EVENTS.topics[0].name


def event(second: int, name: str = "") -> SentEvent:
    at = ZERO_MS + 1_000 * second
    value = json.dumps({EVENTS.id_field: name or str(second)}).encode()
    return SentEvent(at, at, (b"JFK", b"AA"), value)


class World(threading.Event):
    """Wall, clock and topic in one: waiting lets time pass, nothing else does.

    `stop_at` ends the process at a wall second; `speeds` changes the clock then.
    """

    def __init__(self, speed: float = 10.0, stop_at: float = 1e9) -> None:
        super().__init__()
        self.wall_now, self.at, self.speed = 0.0, ZERO, speed
        self.stop_at = stop_at
        self.speeds: dict[float, float] = {}
        self.sent: list[tuple[float, str, str]] = []
        self.kept: list[Position] = []
        self.flushes = 0
        self.failures = 0

    def now(self) -> datetime:
        return self.at

    def wall(self) -> float:
        return self.wall_now

    def wait(self, timeout: float | None = None) -> bool:
        self.wall_now += timeout or 0
        self.at += timedelta(seconds=(timeout or 0) * self.speed)
        for moment, speed in self.speeds.items():
            if self.wall_now >= moment:
                self.speed = speed
        if self.wall_now >= self.stop_at:
            self.set()
        return self.is_set()

    def send(self, topic: str, record: OutgoingRecord) -> None:
        name = json.loads(record.value or b"")[EVENTS.id_field]
        self.sent.append((round(self.wall_now, 1), topic, name))

    def poll(self) -> None:
        """Nothing fails."""

    def flush(self) -> None:
        self.flushes += 1
        if self.failures:
            self.failures -= 1
            raise Unavailable("Away.", hint="Wait.")

    @property
    def times(self) -> dict[str, float]:
        return {name: at for at, topic, name in self.sent if topic == FIRST_TOPIC}


def follow(
    world: World,
    events: list[SentEvent],
    *,
    begin: Position | None = None,
    sent: EventIds | None = None,
    allowance: Allowance | None = None,
) -> Position:
    sender = Sender(EVENTS, world)
    follower = Follower(sender, world, world.kept.append, world, allowance, world.wall)
    return follower.follow(events, begin or Position(ZERO_MS), sent or {})


def test_an_event_is_sent_when_the_clock_passes_it() -> None:
    world = World(speed=10)
    follow(world, [event(0), event(5), event(5, "also"), event(30)])
    assert world.times == {"0": 0, "5": 0.5, "also": 0.5, "30": 3}
    assert {topic for _, topic, _ in world.sent} == {one.name for one in EVENTS.topics}


def test_a_paused_clock_lets_nothing_pass() -> None:
    world = World(speed=10)
    world.speeds = {1.0: 0.0, 61.0: 10.0}
    follow(world, [event(5), event(15)])
    assert world.times["5"] == 0.5
    assert world.times["15"] == pytest.approx(61.5, abs=0.3)


def test_what_was_missed_is_sent_without_a_heap() -> None:
    world = World(speed=10)
    world.at += timedelta(seconds=20)
    follow(world, [event(0), event(10), event(20), event(40), event(60)])
    # twice as fast, until the clock is met at 40
    assert world.times == pytest.approx(
        {"0": 0, "10": 0.5, "20": 1, "40": 2, "60": 4}, abs=0.11
    )


def test_stopped_and_started_it_goes_on_where_it_was() -> None:
    events = [event(place // 3, f"{place}") for place in range(27)]
    begin, found = Position(ZERO_MS), []
    for stop in (0.25, 0.2, 0.3, 100.0):
        world = World(speed=10, stop_at=stop)
        world.at = datetime.fromtimestamp(begin.sent_at_ms / 1000, UTC)
        reached = follow(world, events, begin=begin)
        assert world.kept[-1] == reached
        found += list(world.times)
        begin = reached
    assert found == [str(place) for place in range(27)]


def test_the_middle_of_an_instant_is_a_position() -> None:
    events = [event(1, "a"), event(1, "b"), event(1, "c"), event(2, "d")]
    rest = after(events, Position(event(1).sent_at_ms, 2))
    assert [json.loads(one.value)[EVENTS.id_field] for one in rest] == ["c", "d"]


def test_what_a_topic_holds_already_is_not_sent_to_it_again() -> None:
    world = World()
    follow(world, [event(0), event(1)], sent={FIRST_TOPIC: frozenset({"0"})})
    assert [(topic, name) for _, topic, name in world.sent] == [
        ("flight_events_by_carrier", "0"),
        ("flight_events", "1"),
        ("flight_events_by_carrier", "1"),
    ]


def test_a_position_is_kept_only_once_its_events_have_arrived() -> None:
    world = World()
    world.failures = 3
    assert follow(world, [event(0), event(100)]) == world.kept[-1]
    assert world.flushes == len(world.kept) + 3
    assert world.kept[0] == Position(ZERO_MS, 1)


def test_an_allowance_bounds_how_much_comes_in_a_second() -> None:
    world = World(speed=1000)
    world.at += timedelta(hours=1)
    names = [event(0, str(number)) for number in range(50)]
    follow(world, names, allowance=Allowance(10))
    assert max(world.times.values()) == pytest.approx(3.9, abs=0.2)


def test_a_position_survives_in_its_file(tmp_path: Path) -> None:
    file = PositionFile.of(tmp_path, EVENTS)
    assert file.read() is None
    file.keep(Position(7, 3))
    assert file.read() == Position(7, 3)
    file.path.write_text("{}")
    with pytest.raises(DamagedRecord, match="flight_events"):
        file.read()


def test_what_was_sent_since_an_instant_is_read_in_parts_and_in_order() -> None:
    morning = datetime(2010, 9, 8, 12, tzinfo=ZONE)
    end = morning + timedelta(days=20)
    replay = EventReplay(DOMAIN, RIDES)
    everything = list(replay.events(morning - timedelta(days=1), end))
    # between an event and its being sent
    delayed = next(one for one in everything if one.sent_at_ms > one.happened_at_ms)
    start = datetime.fromtimestamp(delayed.happened_at_ms / 1000 + 1, UTC)
    found = list(replay.sent_since(start, end))
    assert delayed in found
    first = start.timestamp() * 1000
    assert found == [one for one in everything if one.sent_at_ms >= first]
    assert len(found) > 300


@dataclass
class Sending:
    """An embedded broker, and what its topics hold."""

    broker: Broker
    stop: Callable[[], None] = field(repr=False)


@pytest.fixture
def sending(tmp_path: Path) -> Iterator[Sending]:
    process = EmbeddedBroker(tmp_path)
    address = process.start()
    broker = Broker(BrokerKind.EMBEDDED, address.bootstrap, address)
    ensure_topics(broker, [topic.name for topic in EVENTS.topics], 4)
    yield Sending(broker, process.stop)
    process.stop()


def test_what_a_killed_replay_has_sent_is_found_in_the_topics(sending: Sending) -> None:
    assert last_sent(sending.broker, EVENTS) == {}
    writer = TopicWriter(sending.broker)
    sender = Sender(EVENTS, writer)
    for number in range(20):
        sender.send_one(event(number), but=["flight_events"] if number == 19 else [])
    writer.flush()
    found = last_sent(sending.broker, EVENTS)
    assert found["flight_events"] == {str(number) for number in range(19)}
    assert found["flight_events_by_carrier"] == {str(number) for number in range(20)}
    ensure_topics(sending.broker, [FIRST_TOPIC], 4)
    assert Topics(sending.broker).partitions(FIRST_TOPIC) == 4
