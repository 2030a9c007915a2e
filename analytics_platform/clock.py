"""The platform's one clock: wall time, or a replay of the past at a chosen speed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from analytics_platform.errors import InvalidUsage


class Clock(Protocol):
    """Whatever the platform asks for the time."""

    def now(self) -> datetime:
        """The current instant, aware, in UTC."""
        ...


class PacedClock(Clock, Protocol):
    """A clock that knows how fast its hands move."""

    @property
    def speed(self) -> float:
        """How many seconds pass on it in one of the wall's; 0: it stands."""
        ...


@dataclass(frozen=True)
class WallClock:
    """The machine's own clock."""

    @property
    def speed(self) -> float:
        """It is the wall's."""
        return 1.0

    def now(self) -> datetime:
        """The current instant in UTC."""
        return datetime.now(UTC)


@dataclass(frozen=True)
class FixedClock:
    """A clock that stands still, for tests and for a replay not yet started."""

    instant: datetime

    @property
    def speed(self) -> float:
        """It stands."""
        return 0.0

    def now(self) -> datetime:
        """The instant it was given."""
        return self.instant


@dataclass(frozen=True)
class ReplayClock:
    """A past that runs `speed` times as fast as the wall since `anchor`.

    `start` is the replayed instant at the wall instant `anchor`. Before the anchor
    it stands at `start`: a replay never runs backwards past its beginning.
    """

    start: datetime
    speed: float
    anchor: datetime

    def now(self) -> datetime:
        """The replayed instant in UTC."""
        return self.at(datetime.now(UTC))

    def at(self, wall: datetime) -> datetime:
        """The replayed instant at the wall instant `wall`."""
        elapsed = max(wall - self.anchor, timedelta(0))
        return self.start + elapsed * self.speed


@dataclass(frozen=True)
class ReplaySpec:
    """What `replay:<start>@<speed>` says: where it starts and how fast it runs."""

    start: datetime
    speed: float

    def __str__(self) -> str:
        return f"replay:{self.start:%Y-%m-%dT%H:%M:%SZ}@{self.speed:g}"


def parse_clock(text: str) -> ReplaySpec | None:
    """Read `wall` (gives None) or `replay:<start>@<speed>`; a naive start is UTC.

    Raises:
        InvalidUsage: the text is neither, or the speed is not a positive number.
    """
    if text == "wall":
        return None
    kind, _, rest = text.partition(":")
    start_text, _, speed_text = rest.rpartition("@")
    try:
        start, speed = datetime.fromisoformat(start_text), float(speed_text)
    except ValueError as error:
        raise _unreadable(text) from error
    if kind != "replay" or not 0 < speed < float("inf"):
        raise _unreadable(text)
    return ReplaySpec(start if start.tzinfo else start.replace(tzinfo=UTC), speed)


def _unreadable(text: str) -> InvalidUsage:
    return InvalidUsage(
        f"The clock {text!r} cannot be read.",
        hint="Write `wall` or `replay:2013-11-01@600` (start, then speed).",
    )
