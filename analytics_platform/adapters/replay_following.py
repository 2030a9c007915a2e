"""Sends events when the platform's clock passes the instants at which they were sent.

Where a replay is, is written down once its events have arrived. What was sent after
that by a process that was killed is found at the ends of the topics, and not repeated.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import orjson

from analytics_platform.adapters.brokers import Broker
from analytics_platform.adapters.replay_events import SentEvent
from analytics_platform.adapters.replay_sending import Sender
from analytics_platform.adapters.topic import Topics
from analytics_platform.adapters.topic_reading import OffsetRange, read_ranges
from analytics_platform.clock import PacedClock
from analytics_platform.contracts.streams import EventStream
from analytics_platform.core.pacing import Allowance, Hands, Position
from analytics_platform.errors import Unavailable
from analytics_platform.observability import get_logger

log = get_logger(__name__)

_KEPT_EVERY_SECONDS = 0.5
# So many events at most are sent before the position is written down; as many at the
# end of each partition are looked at when a replay goes on.
_MOST_UNKEPT = 500

EventIds = dict[str, frozenset[str]]
"""Ids of events by topic."""


@dataclass
class Follower:
    """Sends the events of a replay by a clock, until they or the process end."""

    sender: Sender
    clock: PacedClock
    keep: Callable[[Position], None]
    stop: threading.Event = field(default_factory=threading.Event)
    allowance: Allowance | None = None
    wall: Callable[[], float] = time.monotonic
    _hands: Hands = field(default=Hands(0, 0), init=False)

    def follow(
        self, events: Iterable[SentEvent], begin: Position, sent: EventIds
    ) -> Position:
        """Send what comes after `begin`; gives how far it came.

        `sent` are events that the topics hold already.
        """
        position, count = begin, 0
        kept_at = self.wall()
        self._hands = Hands(begin.sent_at_ms, kept_at)
        for event in after(events, begin):
            while not self.stop.is_set() and (seconds := self._wait(event)) > 0:
                if count and self.wall() - kept_at > _KEPT_EVERY_SECONDS:
                    count, kept_at = 0, self._keep(position)
                self.stop.wait(seconds)
            if self.stop.is_set():
                break
            self.sender.send_one(event, but=self._holding(event, sent))
            position = position.after(event.sent_at_ms)
            count += 1
            if count >= _MOST_UNKEPT:
                count, kept_at = 0, self._keep(position)
        if count:
            self._keep(position)
        return position

    def _wait(self, event: SentEvent) -> float:
        now = self.wall()
        shown_ms = self.clock.now().timestamp() * 1000
        self._hands = self._hands.moved(shown_ms, self.clock.speed, now)
        seconds = self._hands.wait(event.sent_at_ms)
        if seconds or self.allowance is None:
            return seconds
        if not (seconds := self.allowance.wait(now)):
            self.allowance = self.allowance.after_one(now)
        return seconds

    def _holding(self, event: SentEvent, sent: EventIds) -> list[str]:
        if not sent:
            return []
        name = event_id(self.sender.stream, event.value)
        return [topic for topic, ids in sent.items() if name in ids]

    def _keep(self, position: Position) -> float:
        while True:
            try:
                self.sender.writer.flush()
            except Unavailable as error:
                log.warning("broker_is_away", error=error.message)
                if self.stop.is_set():
                    return self.wall()
            else:
                self.keep(position)
                return self.wall()


def after(events: Iterable[SentEvent], begin: Position) -> Iterator[SentEvent]:
    """The events that come after a position, of events in the order they were sent."""
    passed = 0
    for event in events:
        if event.sent_at_ms == begin.sent_at_ms and passed < begin.events:
            passed += 1
        elif event.sent_at_ms >= begin.sent_at_ms:
            yield event


def last_sent(broker: Broker, stream: EventStream) -> EventIds:
    """The newest events in each of the stream's topics: more than are sent unkept."""
    topics, found = Topics(broker), {}
    for topic in stream.topics:
        ranges = {
            number: OffsetRange(
                max(bounds.begin, bounds.end - _MOST_UNKEPT), bounds.end
            )
            for number, bounds in topics.bounds(topic.name).items()
        }
        ids = {
            event_id(stream, record.value or b"")
            for batch in read_ranges(broker, topic.name, ranges)
            for record in batch
        }
        if ids:
            found[topic.name] = frozenset(ids)
    return found


def event_id(stream: EventStream, value: bytes) -> str:
    """The id in an event's JSON; empty if there is none."""
    try:
        return str(orjson.loads(value).get(stream.id_field, ""))
    except (ValueError, AttributeError):
        return ""
