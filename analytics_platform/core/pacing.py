"""When the events of a replay are due on the wall."""

from dataclasses import dataclass
from typing import Protocol


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
