"""The dead letters of a topic: which are open, and sending their records again."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from analytics_platform.adapters.brokers import Broker
from analytics_platform.adapters.topic import OutgoingRecord, Topics, TopicWriter
from analytics_platform.adapters.topic_reading import TopicRecord, read_ranges
from analytics_platform.core.dead_letters import DeadLetter, dead_letter_topic
from analytics_platform.errors import NotFound

_REPLAYED = "dead_letter.replayed"  # a record that marks another as sent again
_FLUSH_EVERY = 10_000


@dataclass(frozen=True)
class StoredLetter:
    """A letter with its place in the dead-letter topic, `<partition>-<offset>`."""

    id: str
    letter: DeadLetter
    replayed: bool


class DeadLetters:
    """The dead letters of one topic.

    A letter that was written twice, because its writer had died in between, is one.
    """

    def __init__(self, broker: Broker, topic: str) -> None:
        self._broker = broker
        self._topic = topic
        self._letters_topic = dead_letter_topic(topic)

    def letters(self) -> Iterator[StoredLetter]:
        """Every letter, in order within a partition; none without such a topic."""
        replayed = set(self._marks())
        seen: set[tuple[tuple[str, int, int], str | None]] = set()
        for record in self._records():
            letter = DeadLetter.read(record.key, record.value, record.headers)
            if letter is None:
                continue
            if (letter.origin, letter.prediction) not in seen:
                seen.add((letter.origin, letter.prediction))
                name = f"{record.partition}-{record.offset}"
                yield StoredLetter(name, letter, name in replayed)

    def replay(self, ids: Collection[str] | None = None) -> int:
        """Send records to their topic again, as they were; gives how many.

        `ids` says which; None means all that were not sent again yet. A letter is
        marked only after its record has arrived, so that none is lost. Those that lack
        nothing but a prediction are left out: windows would count them twice.

        Raises:
            NotFound: there is no letter with one of these ids; nothing was sent.
        """
        if ids is not None:
            known = {stored.id for stored in self.letters()}
            if unknown := sorted(set(ids) - known):
                raise NotFound(
                    f"{self._letters_topic} has no letter {', '.join(unknown)}.",
                    hint=f"See `analytics dlq list {self._topic}`.",
                )
        writer = TopicWriter(self._broker)
        sent = 0
        waiting: list[StoredLetter] = []
        for stored in self.chosen(ids):
            if stored.letter.prediction is None:
                letter = stored.letter
                writer.send(
                    letter.topic,
                    OutgoingRecord(letter.value, letter.key, letter.replay_headers()),
                )
                sent += 1
                waiting.append(stored)
                if len(waiting) >= _FLUSH_EVERY:
                    self._mark(writer, waiting)
        self._mark(writer, waiting)
        writer.close()
        return sent

    def chosen(self, ids: Collection[str] | None) -> Iterator[StoredLetter]:
        """Letters by id; None means all that were not sent again yet."""
        for stored in self.letters():
            if stored.id in ids if ids is not None else not stored.replayed:
                yield stored

    def mark(self, letters: Collection[StoredLetter]) -> None:
        """Note letters as dealt with, as `replay` does with those that it sends."""
        writer = TopicWriter(self._broker)
        self._mark(writer, list(letters))
        writer.close()

    def _mark(self, writer: TopicWriter, waiting: list[StoredLetter]) -> None:
        writer.flush()
        for stored in waiting:
            name = stored.id.encode()
            partition = int(stored.id.split("-")[0])
            mark = OutgoingRecord(None, name, ((_REPLAYED, name),), partition=partition)
            writer.send(self._letters_topic, mark)
        writer.flush()
        waiting.clear()

    def _marks(self) -> Iterator[str]:
        for record in self._records():
            for name, text in record.headers:
                if name == _REPLAYED and text:
                    yield text.decode(errors="replace")

    def _records(self) -> Iterator[TopicRecord]:
        topics = Topics(self._broker)
        if topics.partitions(self._letters_topic) is None:
            return
        bounds = topics.bounds(self._letters_topic)
        for batch in read_ranges(self._broker, self._letters_topic, bounds):
            yield from batch
