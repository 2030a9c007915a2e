"""How long fetches rest, so that a busy reader gets more events at a time."""

from collections.abc import Sequence

from streaming.records import RawRecords

# A poll has costs whatever it brings: of each window, partition, commit. A reader that
# rests three times as long as it worked is busy with polls for a quarter of the time.
_RESTS_PER_WORK = 3.0
_LONGEST_SECONDS = 0.01
# With so many bytes (some hundred events) a poll is worth what it costs.
_PLENTY_BYTES = 32 << 10


class FetchPace:
    """Lets records gather at the broker; times are monotonic seconds.

    After a poll that brought little, fetches rest in proportion to the time that its
    reader then worked, at most 10 ms: a record that comes later than that after the one
    before waits for nothing, nor do those that come by the thousand.
    """

    def __init__(self) -> None:
        self._given: float | None = None  # when little was given to the reader
        self._until = 0.0

    def note_given(self, taken: Sequence[RawRecords], now: float) -> None:
        """The reader is given what a poll brought."""
        size = sum(one.ndjson.size for one in taken)
        self._given = now if taken and size < _PLENTY_BYTES else None

    def note_back(self, now: float) -> None:
        """The reader has dealt with it."""
        if self._given is not None:
            worked = now - self._given
            self._until = now + min(_RESTS_PER_WORK * worked, _LONGEST_SECONDS)
        self._given = None

    def rest_seconds(self, now: float) -> float:
        """How long a fetch that begins now has to rest."""
        return max(self._until - now, 0.0)
