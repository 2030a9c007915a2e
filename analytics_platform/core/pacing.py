"""When the events of a replay are due on the wall."""

from dataclasses import dataclass, replace
from typing import Protocol

# A change of the clock, such as a pause, is noticed within this time.
LONGEST_WAIT = 0.25
# Events sent in a heap reach a reader partition by partition: it would take those of
# the last one for late. So what lags behind its clock runs only so much faster.
_CATCH_UP = 2.0


class Pace(Protocol):
    """Says when each event is to be sent."""

    def due(self, count: int, sent_at_ms: int) -> float:
        """Seconds after the start at which the event numbered `count` (from 0) is due.

        `sent_at_ms` is when it was sent in life.
        """
        ...


@dataclass(frozen=True)
class AsInLife:
    """The times between events as they were, `speed` times as fast."""

    first_ms: int
    speed: float

    def due(self, count: int, sent_at_ms: int) -> float:  # noqa: ARG002 - the protocol's
        """Seconds after the start, 0 for what was sent before the first."""
        return max(sent_at_ms - self.first_ms, 0) / 1000 / self.speed


@dataclass(frozen=True)
class Steady:
    """So many events in each second."""

    per_second: float

    def due(self, count: int, sent_at_ms: int) -> float:  # noqa: ARG002 - the protocol's
        """Seconds after the start."""
        return count / self.per_second


@dataclass(frozen=True)
class AtOnce:
    """As fast as they can be sent."""

    def due(self, count: int, sent_at_ms: int) -> float:  # noqa: ARG002 - the protocol's
        """Always due."""
        return 0.0


@dataclass(frozen=True)
class AtMost:
    """Another pace, but never more than so many events a second from the start."""

    pace: Pace
    per_second: float

    def due(self, count: int, sent_at_ms: int) -> float:
        """Seconds after the start."""
        return max(self.pace.due(count, sent_at_ms), count / self.per_second)


@dataclass(frozen=True)
class Hands:
    """A clock's hands as one sees them who follows it: never ahead, and never jumping.

    They show `at_ms` at the wall's second `seen`, and run `speed` times as fast as the
    wall; 0: they stand.
    """

    at_ms: float
    seen: float
    speed: float = 0.0

    def moved(self, now_ms: float, speed: float, wall: float) -> "Hands":
        """As they are at the wall's second `wall`, when the clock shows `now_ms`.

        Behind the clock, whose speed is `speed`, they run twice as fast.
        """
        passed = min(wall - self.seen, LONGEST_WAIT)
        reach = self.at_ms + passed * 1000 * speed * _CATCH_UP
        if reach >= now_ms:
            return Hands(now_ms, wall, speed)
        return Hands(reach, wall, speed * _CATCH_UP)

    def wait(self, at_ms: float) -> float:
        """How long to sleep before looking again, until they have passed `at_ms`.

        0 when they have, else at most LONGEST_WAIT: they may be stopped or hurried.
        """
        if self.at_ms >= at_ms:
            return 0.0
        if self.speed <= 0:
            return LONGEST_WAIT
        return min((at_ms - self.at_ms) / 1000 / self.speed, LONGEST_WAIT)


@dataclass(frozen=True)
class Allowance:
    """At most `per_second` events in each second, at any moment a second's worth.

    `used_until` is the wall's second up to which what was sent uses up the rate.
    """

    per_second: float
    used_until: float = float("-inf")

    def wait(self, now: float) -> float:
        """Seconds until the next event may be sent, at the wall's second `now`."""
        return max(0.0, self.used_until - 1.0 - now)

    def after_one(self, now: float) -> "Allowance":
        """What is left once an event was sent."""
        used_until = max(self.used_until, now) + 1.0 / self.per_second
        return replace(self, used_until=used_until)


@dataclass(frozen=True)
class Position:
    """How far a replay has come: the instant of its last event, in life.

    Several events may have been sent at one instant: `events` is how many of those of
    this instant were, in the order in which a replay gives them.
    """

    sent_at_ms: int
    events: int = 0

    def after(self, sent_at_ms: int) -> "Position":
        """The position once an event of this instant was sent."""
        if sent_at_ms == self.sent_at_ms:
            return replace(self, events=self.events + 1)
        return Position(sent_at_ms, 1)
