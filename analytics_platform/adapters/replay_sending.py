"""Sends the events of a replay to their topics, each at its time."""

import random
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from analytics_platform.adapters.replay_events import SentEvent
from analytics_platform.adapters.topic import OutgoingRecord
from analytics_platform.contracts.streams import EventStream
from analytics_platform.core.pacing import Pace

# Shorter waits are not worth a call: a batch of records is sent every few milliseconds.
_SHORTEST_WAIT = 0.002
_SAID_EVERY = 0.5


class Writer(Protocol):
    """Where records are handed over for sending."""

    def send(self, topic: str, record: OutgoingRecord) -> None:
        """Hand a record over; waits while too much is underway."""
        ...

    def poll(self) -> None:
        """Take note of failures."""
        ...

    def flush(self) -> None:
        """Wait until all has arrived."""
        ...


@dataclass(frozen=True)
class Progress:
    """How far a replay is: events sent, and the time in it."""

    events: int
    sent_at_ms: int


@dataclass
class Wall:
    """The machine's own time; another in tests."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass
class Sender:
    """Sends events once to each of their stream's topics, keyed."""

    stream: EventStream
    writer: Writer
    wall: Wall = field(default_factory=Wall)
    trace: random.Random = field(default_factory=random.Random)

    def send(
        self,
        events: Iterable[SentEvent],
        pace: Pace,
        tell: Callable[[Progress], None] = lambda _: None,
    ) -> int:
        """Send everything in order and wait until it arrived; gives how many events."""
        started = said = self.wall.now()
        count, last_ms = 0, 0
        for count, event in enumerate(events, 1):
            last_ms = event.sent_at_ms
            self._wait(started + pace.due(count - 1, last_ms))
            self.send_one(event)
            if (now := self.wall.now()) - said >= _SAID_EVERY:
                said = now
                tell(Progress(count, last_ms))
        self.writer.flush()
        tell(Progress(count, last_ms))
        return count

    def send_one(self, event: SentEvent, *, but: Collection[str] = ()) -> None:
        """Hand an event over for each of its stream's topics, some left out."""
        headers = (("traceparent", self._traceparent()),)
        for topic, key in zip(self.stream.topics, event.keys, strict=True):
            if topic.name not in but:
                self.writer.send(topic.name, OutgoingRecord(event.value, key, headers))

    def _wait(self, until: float) -> None:
        while (left := until - self.wall.now()) > _SHORTEST_WAIT:
            self.writer.poll()
            self.wall.sleep(min(left, _SAID_EVERY))

    def _traceparent(self) -> bytes:
        """A new trace, sampled (W3C Trace Context, version 00)."""
        trace, span = self.trace.getrandbits(128) | 1, self.trace.getrandbits(64) | 1
        return f"00-{trace:032x}-{span:016x}-01".encode()
