"""Events leave at their time, once to each topic, each with its trace."""

import re
from dataclasses import dataclass, field
from random import Random

from analytics_platform.adapters.replay_events import SentEvent
from analytics_platform.adapters.replay_sending import Progress, Sender, Wall
from analytics_platform.adapters.topic import OutgoingRecord
from analytics_platform.core.pacing import AsInLife, AtOnce, Pace, Steady
from analytics_platform.domains.flights.streams import EVENTS


@dataclass
class Recorded:
    """Keeps what is sent and when; time passes only by sleeping."""

    now: float = 100.0
    sent: list[tuple[float, str, OutgoingRecord]] = field(default_factory=list)
    flushed: int = 0

    def send(self, topic: str, record: OutgoingRecord) -> None:
        self.sent.append((self.now - 100, topic, record))

    def poll(self) -> None:
        """Nothing fails."""

    def flush(self) -> None:
        self.flushed += 1

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def event(seconds: int) -> SentEvent:
    at = 1_000_000 + 1_000 * seconds
    return SentEvent(at, at, (b"JFK", b"AA"), b"%d" % seconds)


def sent(pace: Pace, *seconds: int) -> Recorded:
    recorded = Recorded()
    wall = Wall(lambda: recorded.now, recorded.sleep)
    seen: list[Progress] = []
    sender = Sender(EVENTS, recorded, wall, Random(1))  # noqa: S311 - not secret
    count = sender.send([event(one) for one in seconds], pace, seen.append)
    assert count == len(seconds)
    assert seen[-1].events == count
    assert recorded.flushed == 1
    return recorded


def times(recorded: Recorded) -> list[float]:
    return [round(at, 1) for at, topic, _ in recorded.sent if topic == "flight_events"]


def test_times_between_events_are_as_in_life_but_faster() -> None:
    assert times(sent(AsInLife(1_000_000, 60), 0, 60, 60, 180)) == [0, 1, 1, 3]


def test_a_rate_spreads_events_evenly() -> None:
    assert times(sent(Steady(2), 0, 0, 0)) == [0, 0.5, 1]


def test_at_once_waits_for_nothing() -> None:
    assert times(sent(AtOnce(), 0, 600)) == [0, 0]


def test_each_topic_gets_the_event_under_its_own_key_and_one_trace_each() -> None:
    found = [(topic, one.key, one.value) for _, topic, one in sent(AtOnce(), 7).sent]
    assert found == [
        ("flight_events", b"JFK", b"7"),
        ("flight_events_by_carrier", b"AA", b"7"),
    ]
    for _, _, record in sent(AtOnce(), 1, 2).sent:
        ((name, trace),) = record.headers
        assert name == "traceparent"
        assert re.fullmatch(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-01", trace or b"")
