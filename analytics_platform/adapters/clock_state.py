"""The clock of a home: a replay that every process of the platform sees alike."""

from datetime import datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from analytics_platform.adapters.durable_files import write_atomically
from analytics_platform.adapters.exclusive_lock import exclusive_lock
from analytics_platform.clock import (
    FixedClock,
    PacedClock,
    ReplayClock,
    ReplaySpec,
    WallClock,
    parse_clock,
)
from analytics_platform.errors import DamagedRecord, InvalidUsage
from analytics_platform.settings import Settings

_Signature = tuple[int, int, int]


class ReplayState(BaseModel):
    """Where a replay is: at `position` since the wall instant `anchor`, or paused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    position: AwareDatetime
    speed: float = Field(gt=0, allow_inf_nan=False)
    anchor: AwareDatetime | None = None  # None: paused

    @property
    def is_paused(self) -> bool:
        """Whether it stands still."""
        return self.anchor is None

    @property
    def clock(self) -> FixedClock | ReplayClock:
        """The clock that shows this state."""
        if self.anchor is None:
            return FixedClock(self.position)
        return ReplayClock(self.position, self.speed, self.anchor)

    def position_at(self, wall: datetime) -> datetime:
        """The replayed instant at the wall instant `wall`."""
        clock = self.clock
        return clock.at(wall) if isinstance(clock, ReplayClock) else clock.now()


class HomeClock:
    """The clock written in a file; follows every change that a process makes to it."""

    def __init__(self, path: Path, *, otherwise: PacedClock) -> None:
        self._path = path
        self._otherwise = otherwise
        self._seen: tuple[_Signature | None, PacedClock] = (None, otherwise)

    def now(self) -> datetime:
        """The instant of the replay; without a file, that of the other clock."""
        return self._current().now()

    @property
    def speed(self) -> float:
        """How fast it runs against the wall; 0 while it is paused."""
        return self._current().speed

    def _current(self) -> PacedClock:
        signature = _signature(self._path)
        if signature != self._seen[0]:
            state = read_state(self._path.parent)
            self._seen = (signature, state.clock if state else self._otherwise)
        return self._seen[1]


def open_clock(settings: Settings) -> PacedClock:
    """The clock that the settings name.

    A replay stands at its start until `start_replay`; without any setting, time is
    that of the replay going on in the home, else the wall's.
    """
    spec = parse_clock(settings.clock) if settings.clock else None
    if settings.clock and spec is None:
        return WallClock()
    not_started = FixedClock(spec.start) if spec else WallClock()
    return HomeClock(_file(settings.home), otherwise=not_started)


def read_state(home: Path) -> ReplayState | None:
    """The replay of a home, or None if there is none.

    Raises:
        DamagedRecord: the file does not say where the replay is.
    """
    try:
        return ReplayState.model_validate_json(_file(home).read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise DamagedRecord(
            f"The replay's state in {_file(home)} cannot be read: {error}.",
            hint="Remove the file to start the replay anew.",
        ) from error


def start_replay(home: Path, spec: ReplaySpec, wall_now: datetime) -> ReplayState:
    """Let the home's time run from the replay's start, now."""
    state = ReplayState(position=spec.start, speed=spec.speed, anchor=wall_now)
    with exclusive_lock(_lock(home)):
        return _write(home, state)


def pause_replay(home: Path, wall_now: datetime) -> ReplayState:
    """Stop the home's time where it is.

    Raises:
        InvalidUsage: no replay was started.
    """
    with exclusive_lock(_lock(home)):
        state = _started(home)
        position = state.position_at(wall_now)
        return _write(home, ReplayState(position=position, speed=state.speed))


def resume_replay(
    home: Path, wall_now: datetime, speed: float | None = None
) -> ReplayState:
    """Let the home's time go on from where it is, at another speed if given.

    Raises:
        InvalidUsage: no replay was started, or the speed is not a positive number.
    """
    if speed is not None and not 0 < speed < float("inf"):
        raise InvalidUsage(f"The speed {speed} is not positive.", hint="Try 600.")
    with exclusive_lock(_lock(home)):
        state = _started(home)
        position = state.position_at(wall_now)
        speed = speed or state.speed
        return _write(
            home, ReplayState(position=position, speed=speed, anchor=wall_now)
        )


def _started(home: Path) -> ReplayState:
    state = read_state(home)
    if state is None:
        raise InvalidUsage(
            f"No replay was started in {home}.", hint="Start one with `analytics up`."
        )
    return state


def _write(home: Path, state: ReplayState) -> ReplayState:
    content = state.model_dump_json(indent=2) + "\n"
    write_atomically(_file(home), content.encode())
    return state


def _signature(path: Path) -> _Signature | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return (found.st_mtime_ns, found.st_ino, found.st_size)


def _file(home: Path) -> Path:
    return home / "clock.json"


def _lock(home: Path) -> Path:
    return home / "clock.lock"
