"""What a window is and what is assumed of the stream it is cut from."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from analytics_platform.errors import InvalidUsage

WindowType = Literal["tumbling", "hopping", "sliding", "session", "calendar_day"]

# 10^15 ms are 31,700 years: sums of a timestamp and any two of these fit in 64 bits.
_LONGEST_MS = 10**15
_SIZES = {
    "tumbling": {"size_ms"},
    "hopping": {"size_ms", "slide_ms"},
    "session": {"gap_ms"},
    "calendar_day": set[str](),
}
_ALIGNED = ("tumbling", "hopping")


@dataclass(frozen=True)
class WindowDefinition:
    """Windows [start, end) in event time, all in milliseconds.

    Tumbling and hopping windows start at every whole multiple of the size or slide,
    counted from 1970-01-01 UTC plus `offset_ms`, before 1970 too. A session ends
    `gap_ms` after its last event; sessions that touch are one. A calendar day runs
    from midnight to midnight in `timezone` (unset: UTC), or from the first moment after
    a midnight that does not exist. Late events update a window until the watermark
    reaches its end plus `allowed_lateness_ms`. `sliding` is another name for `hopping`.

    Raises:
        InvalidUsage: the definition makes no sense.
    """

    type: WindowType
    size_ms: int | None = None
    slide_ms: int | None = None
    gap_ms: int | None = None
    offset_ms: int = 0
    allowed_lateness_ms: int = 0
    timezone: str | None = None

    def __post_init__(self) -> None:
        if self.type == "sliding":
            object.__setattr__(self, "type", "hopping")
        problem = next(_problems(self), None)
        if problem:
            raise InvalidUsage(
                f"This window makes no sense: {problem}.", hint="Correct the window."
            )

    @property
    def step_ms(self) -> int:
        """From one window's start to the next; 0 where windows have no fixed one."""
        return self.slide_ms or self.size_ms or 0

    def fingerprint(self) -> str:
        """The same text for the same definition only: 32 hexadecimal digits."""
        return _digest(asdict(self))


@dataclass(frozen=True)
class StreamRules:
    """What is assumed of a stream's order, all in milliseconds.

    A partition's watermark is its greatest timestamp less `out_of_orderness_ms`. A
    partition without an event for `idle_timeout_ms` of processing time holds nobody
    back. An event more than `max_future_drift_ms` ahead of the processing time is a
    dead letter; with `dedup_by_id` so is one whose id was seen with its key before, for
    as long as it could count.

    Raises:
        InvalidUsage: a length is negative or, for the time-out, not positive.
    """

    out_of_orderness_ms: int = 0
    idle_timeout_ms: int | None = None
    dedup_by_id: bool = False
    max_future_drift_ms: int | None = None

    def __post_init__(self) -> None:
        for name, least in (
            ("out_of_orderness_ms", 0),
            ("idle_timeout_ms", 1),
            ("max_future_drift_ms", 0),
        ):
            value = getattr(self, name)
            if value is not None and not least <= value <= _LONGEST_MS:
                raise InvalidUsage(
                    f"{name} must be {least} to {_LONGEST_MS}, got {value}.",
                    hint="Correct the stream's rules.",
                )

    def fingerprint(self) -> str:
        """The same text for the same rules only: 32 hexadecimal digits."""
        return _digest(asdict(self))


def _digest(fields: dict[str, object]) -> str:
    text = json.dumps(fields, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _problems(window: WindowDefinition) -> Iterator[str]:
    for check in (_type, _fields, _lengths, _offset, _timezone):
        yield from check(window)


def _type(window: WindowDefinition) -> Iterator[str]:
    if window.type not in get_args(WindowType):
        known = ", ".join(get_args(WindowType))
        yield f"unknown type {window.type!r}, known are {known}"


def _fields(window: WindowDefinition) -> Iterator[str]:
    needed = _SIZES[window.type]
    for name in ("size_ms", "slide_ms", "gap_ms"):
        if name in needed and getattr(window, name) is None:
            yield f"a {window.type} window needs {name}"
        if name not in needed and getattr(window, name) is not None:
            yield f"a {window.type} window has no {name}"
    if window.timezone is not None and window.type != "calendar_day":
        yield f"a {window.type} window has no timezone"
    if window.offset_ms and window.type not in _ALIGNED:
        yield f"a {window.type} window has no offset_ms"


def _lengths(window: WindowDefinition) -> Iterator[str]:
    for name in ("size_ms", "slide_ms", "gap_ms"):
        value = getattr(window, name)
        if value is not None and not 0 < value <= _LONGEST_MS:
            yield f"{name} must be 1 to {_LONGEST_MS}, got {value}"
    if window.slide_ms and window.size_ms and window.slide_ms > window.size_ms:
        yield (
            f"slide_ms ({window.slide_ms}) must not exceed size_ms ({window.size_ms}),"
            " or events would fall between windows"
        )
    if not 0 <= window.allowed_lateness_ms <= _LONGEST_MS:
        yield (
            f"allowed_lateness_ms must be 0 to {_LONGEST_MS}, "
            f"got {window.allowed_lateness_ms}"
        )


def _offset(window: WindowDefinition) -> Iterator[str]:
    if window.offset_ms and abs(window.offset_ms) >= window.step_ms:
        name = "slide_ms" if window.slide_ms else "size_ms"
        yield (
            f"offset_ms ({window.offset_ms}) must be smaller than {name} "
            f"({window.step_ms})"
        )


def _timezone(window: WindowDefinition) -> Iterator[str]:
    if window.timezone is None:
        return
    try:
        ZoneInfo(window.timezone)
    except (KeyError, ValueError, OSError):  # not found, malformed, a folder
        yield f"unknown time zone {window.timezone!r}"
