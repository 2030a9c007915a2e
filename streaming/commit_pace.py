"""When what was taken of a topic is committed."""

from collections.abc import Collection
from typing import Protocol

# Offsets and states alone, for which nobody waits, are written this often, or when so
# many events are in them: any commit takes 1 to 2 ms of processor time.
UNAWAITED_SECONDS, UNAWAITED_EVENTS = 0.25, 100_000


class Work(Protocol):
    """What was taken of a topic and is not committed."""

    @property
    def uncommitted(self) -> int:
        """Events."""
        ...

    @property
    def has_news(self) -> bool:
        """Whether there is anything to commit."""
        ...

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits for what came of it."""
        ...


class CommitPace:
    """Each topic's by itself: results of one do not hurry the states of another.

    Times are monotonic seconds.
    """

    def __init__(self, topics: Collection[str], now: float) -> None:
        self._cut_at = dict.fromkeys(topics, now)

    def note_cut(self, topic: str, now: float) -> None:
        """A commit of the topic begins."""
        self._cut_at[topic] = now

    def is_due(self, topic: str, work: Work, now: float) -> bool:
        """Whether the topic's news is to be committed now."""
        return work.has_news and (
            work.is_awaited
            or work.uncommitted >= UNAWAITED_EVENTS
            or now - self._cut_at[topic] >= UNAWAITED_SECONDS
        )
