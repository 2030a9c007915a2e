"""A record that could not be used, with where it came from and why, as a record."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

Header = tuple[str, bytes | None]

SUFFIX = ".dead_letters"
_PREFIX = "dead_letter."
_REPLAYS = f"{_PREFIX}replays"
_MESSAGE_CHARACTERS = 1000


def dead_letter_topic(topic: str) -> str:
    """The topic of the dead letters of `topic`."""
    return f"{topic}{SUFFIX}"


@dataclass(frozen=True)
class DeadLetter:
    """The original record, byte for byte, and its story.

    `error` is the class of the error; `at_ms` when it happened (ms since the epoch);
    `replays` how often the record had been sent again before. A `prediction`
    is all that could not be made of it: the record was used otherwise.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...]
    error: str
    message: str
    at_ms: int
    replays: int = 0
    prediction: str | None = None

    @property
    def origin(self) -> tuple[str, int, int]:
        """Topic, partition and offset of the record."""
        return self.topic, self.partition, self.offset

    def written_headers(self) -> tuple[Header, ...]:
        """The headers of the letter: the record's own, then the story."""
        told = {
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "error": self.error,
            "message": self.message[:_MESSAGE_CHARACTERS],
            "at_ms": self.at_ms,
            "replays": self.replays,
        }
        if self.prediction is not None:
            told["prediction"] = self.prediction
        story = ((f"{_PREFIX}{name}", str(it).encode()) for name, it in told.items())
        return (*_without_story(self.headers), *story)

    def replay_headers(self) -> tuple[Header, ...]:
        """The headers of the record when it is sent to its topic again."""
        count = str(self.replays + 1).encode()
        return (*_without_story(self.headers), (_REPLAYS, count))

    @classmethod
    def read(
        cls, key: bytes | None, value: bytes | None, headers: Sequence[Header]
    ) -> Self | None:
        """The letter that a record of a dead-letter topic is; None if it is none."""
        story = {
            name.removeprefix(_PREFIX): (text or b"").decode(errors="replace")
            for name, text in headers
            if name.startswith(_PREFIX)
        }
        try:
            return cls(
                topic=story["topic"],
                partition=int(story["partition"]),
                offset=int(story["offset"]),
                key=key,
                value=value,
                headers=_without_story(headers),
                error=story["error"],
                message=story["message"],
                at_ms=int(story["at_ms"]),
                replays=int(story["replays"]),
                prediction=story.get("prediction"),
            )
        except (KeyError, ValueError):
            return None


def replays_of(headers: Sequence[Header]) -> int:
    """How often a record of an ordinary topic was sent again as a dead letter."""
    counts = [text for name, text in headers if name == _REPLAYS]
    return int(counts[-1]) if counts and counts[-1] and counts[-1].isdigit() else 0


def _without_story(headers: Sequence[Header]) -> tuple[Header, ...]:
    return tuple(each for each in headers if not each[0].startswith(_PREFIX))
