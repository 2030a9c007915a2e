"""What brokers answer to fetches, kept until it is taken, and whether they answer."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from analytics_platform.errors import InvalidUsage, PlatformError
from analytics_platform.observability import get_logger
from streaming.membership import OffsetOutOfRange
from streaming.records import Aborted, Fetched, TopicPartition

log = get_logger(__name__)

_REMIND_SECONDS = 30.0
# https://kafka.apache.org/protocol#protocol_error_codes
_OFFSET_OUT_OF_RANGE, _NOT_ALLOWED = 1, 29


class Assignment(Protocol):
    """The partitions of one generation of the group; aiokafka's own type."""

    @property
    def active(self) -> bool:
        """Whether it is still the current one."""
        ...

    def state_value(self, where: tuple[str, int]) -> Any:  # noqa: ANN401 - aiokafka's
        """A partition's position, ends and whether it is paused."""
        ...


@dataclass(frozen=True)
class Waiting:
    """A fetched answer until it is taken; aiokafka's fetcher asks for the back-off."""

    fetched: Fetched
    assignment: Assignment

    def calculate_backoff(self) -> float:
        """Seconds that the node's next fetch may wait for this one to be taken."""
        return 0.1


@dataclass(frozen=True)
class Answer:
    """A partition's part of a response without an error."""

    high_water: int
    stable_end: int
    aborted: tuple[Aborted, ...]
    data: bytes

    @classmethod
    def of(cls, fields: Sequence[object]) -> "Answer":
        """From what follows the error code in versions 4 to 11.

        High water, last stable offset, [log start,] aborted transactions,
        [preferred replica,] records.
        """
        high_water, stable_end, *between, data = fields
        aborted = next((each for each in between if isinstance(each, list)), [])
        found = tuple(Aborted(*each) for each in aborted)
        if not isinstance(high_water, int) or not isinstance(stable_end, int):
            raise TypeError("a fetch response without high water")
        return cls(
            high_water, stable_end, found, data if isinstance(data, bytes) else b""
        )

    def fetched(self, where: TopicPartition, position: int) -> Fetched:
        """The data, as it was asked for."""
        return Fetched(where, position, self.data, self.aborted)


def refusal(code: int, where: TopicPartition, offset: int) -> PlatformError | None:
    """What an error code of a partition means for its reader.

    None: it goes away when the client has looked up the partition's leader again.
    """
    if code == _OFFSET_OUT_OF_RANGE:
        return OffsetOutOfRange(where, offset)
    if code == _NOT_ALLOWED:
        return InvalidUsage(
            f"The broker does not let us read {where.topic}.",
            hint="Ask its owners for the right.",
        )
    log.warning("fetch_refused", code=code, **where._asdict())
    return None


class Presence:
    """Says once that a broker does not answer, again every 30 s, and when it does."""

    def __init__(self) -> None:
        self.away_since: float | None = None
        self._told = 0.0

    def away(self, error: Exception) -> None:
        """It did not answer."""
        now = time.monotonic()
        if self.away_since is None:
            self.away_since, self._told = now, now - _REMIND_SECONDS
        if now - self._told >= _REMIND_SECONDS:
            self._told = now
            seconds = round(now - self.away_since)
            log.warning("broker_is_away", seconds=seconds, error=repr(error))

    def back(self) -> None:
        """It answered."""
        if self.away_since is not None:
            seconds = round(time.monotonic() - self.away_since, 1)
            self.away_since = None
            log.info("broker_came_back", away_seconds=seconds)
