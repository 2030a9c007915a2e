"""Where reading a partition begins, and what that means for its state."""

from dataclasses import dataclass
from typing import Literal

from streaming.checkpoints.errors import Choice, OffsetOutOfRange

Initial = Literal["earliest", "latest"]


@dataclass(frozen=True)
class Log:
    """What a partition's log holds: offsets from `start` up to, without, `end`."""

    topic: str
    partition: int
    start: int
    end: int


@dataclass(frozen=True)
class Start:
    """The first offset to read; `reason` says why it is not the stored one."""

    offset: int
    reason: str | None = None


def choose_start(
    stored: int | None, log: Log, *, initial: Initial, out_of_range: Choice
) -> Start:
    """Where to begin, given the stored next offset (None: nothing was read yet).

    Raises:
        OffsetOutOfRange: the log does not hold the stored offset, and the choice for
            that is `fail`.
    """
    if stored is None:
        offset = log.end if initial == "latest" else log.start
        return Start(offset, f"nothing was read yet: {initial}")
    if log.start <= stored <= log.end:
        return Start(stored)
    error = OffsetOutOfRange(
        log.topic, log.partition, stored=stored, log=(log.start, log.end)
    )
    if out_of_range == "fail":
        raise error
    offset = log.end if out_of_range == "latest" else log.start
    return Start(offset, f"{error.message} Chosen: {out_of_range}.")
