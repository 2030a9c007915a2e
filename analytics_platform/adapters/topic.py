"""Topics through confluent-kafka: create them, see what they hold, write to them."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import (
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from analytics_platform.adapters.brokers import Broker
from analytics_platform.adapters.topic_reading import (
    OffsetRange,
    open_reader,
    watermarks,
)
from analytics_platform.core.dead_letters import DeadLetter, Header, dead_letter_topic
from analytics_platform.errors import (
    Conflict,
    NotFound,
    PlatformError,
    Transient,
    Unavailable,
)

_SECONDS = 15.0
_FULL_WAIT_SECONDS = 0.05
_QUIET = {"log_level": 0}
# A dead letter holds a record, whatever its topic takes, and its story.
_LARGEST_BYTES = 64 << 20


@dataclass(frozen=True)
class OutgoingRecord:
    """A record to write; without a time it gets the present one."""

    value: bytes | None
    key: bytes | None = None
    headers: tuple[Header, ...] = ()
    timestamp_ms: int | None = None
    partition: int | None = None


@dataclass(frozen=True, eq=False)
class SameHeaders:
    """n records as columns, with the same headers each."""

    keys: Sequence[str]
    values: Sequence[bytes]
    headers: tuple[Header, ...] = ()

    def __len__(self) -> int:
        return len(self.values)

    def part(self, start: int, stop: int) -> "SameHeaders":
        """Some of them."""
        rows = slice(start, stop)
        return SameHeaders(self.keys[rows], self.values[rows], self.headers)


class DeliveryFailed(Transient):
    """Records that the broker did not take; `failed` of them, in no order."""

    def __init__(self, failed: int, first: str) -> None:
        self.failed, self.first = failed, first
        super().__init__(
            f"{failed} record(s) were not delivered: {first}.",
            hint="Look at the broker, then send them again.",
        )


class Topics:
    """The topics of a broker."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._admin = AdminClient({"bootstrap.servers": broker.bootstrap, **_QUIET})

    def cluster_id(self) -> str:
        """The cluster's id; an embedded broker is a new cluster at each start."""
        if self._broker.embedded:
            return self._broker.embedded.cluster
        return str(self._metadata().cluster_id)

    def partitions(self, topic: str) -> int | None:
        """How many partitions the topic has; None when there is no such topic."""
        found = self._metadata().topics.get(topic)
        return len(found.partitions) if found else None

    def create(
        self, topic: str, partitions: int, *, config: Mapping[str, str] | None = None
    ) -> bool:
        """Create the topic; False when it is there with as many partitions.

        Raises:
            Conflict: it has another number of partitions, which would move keys.
        """
        there = self.partitions(topic)
        if there not in (None, partitions):
            raise Conflict(
                f"The topic {topic} has {there} partitions, not {partitions}.",
                hint="Use another topic, or declare as many partitions.",
            )
        if there is not None:
            return False
        if self._broker.embedded:
            self._broker.embedded.create_topic(topic, partitions)
            return True
        new = NewTopic(topic, partitions, config=dict(config or {}))
        try:
            self._admin.create_topics([new])[topic].result(_SECONDS)
        except KafkaException as error:
            if _code(error) == KafkaError.TOPIC_ALREADY_EXISTS:
                return False
            raise _unavailable(self._broker, error) from error
        return True

    def create_dead_letters(self, topic: str) -> bool:
        """Create the dead-letter topic of a topic, with as many partitions."""
        config = {"max.message.bytes": str(_LARGEST_BYTES)}
        count = len(self._numbers(topic))
        return self.create(dead_letter_topic(topic), count, config=config)

    def bounds(self, topic: str) -> dict[int, OffsetRange]:
        """What each partition's log holds; its end is before any open transaction.

        Raises:
            NotFound: there is no such topic.
        """
        with open_reader(self._broker) as consumer:
            return {
                number: watermarks(consumer, topic, number)
                for number in self._numbers(topic)
            }

    def committed(self, topic: str, group: str) -> dict[int, int]:
        """The next offsets that a group has committed, where it has."""
        asked = [TopicPartition(topic, number) for number in self._numbers(topic)]
        with open_reader(self._broker, group) as consumer:
            found = consumer.committed(asked, timeout=_SECONDS)
        return {each.partition: each.offset for each in found if each.offset >= 0}

    def commit(self, topic: str, group: str, offsets: Mapping[int, int]) -> None:
        """Commit next offsets for a group that has no members."""
        told = [TopicPartition(topic, number, at) for number, at in offsets.items()]
        with open_reader(self._broker, group) as consumer:
            consumer.commit(offsets=told, asynchronous=False)

    def _numbers(self, topic: str) -> range:
        count = self.partitions(topic)
        if count is None:
            raise NotFound(f"There is no topic {topic}.", hint="Create it first.")
        return range(count)

    def _metadata(self) -> Any:  # noqa: ANN401 - the library's own type is untyped
        try:
            return self._admin.list_topics(timeout=_SECONDS)
        except KafkaException as error:
            raise _unavailable(self._broker, error) from error


def ensure_topics(broker: Broker, names: Iterable[str], partitions: int) -> None:
    """Create those topics that are not there; another process may be doing the same."""
    topics = Topics(broker)
    for name in names:
        if topics.partitions(name) is not None:
            continue
        try:
            topics.create(name, partitions)
        except PlatformError:
            if topics.partitions(name) is None:
                raise


class TopicWriter:
    """Writes records in bulk, each once, in order within a partition.

    Nothing waits for the broker but `flush`, and `send` while too much is underway.
    Used from one thread at a time.
    """

    def __init__(
        self, broker: Broker, *, linger_ms: float = 5, compression: str = "none"
    ) -> None:
        self._broker = broker
        self._failed = 0
        self._first = ""
        self._producer = Producer(
            {
                "bootstrap.servers": broker.bootstrap,
                "enable.idempotence": True,
                "linger.ms": linger_ms,
                "batch.size": 1_000_000,  # brokers take batches of 1 MiB by default
                "message.max.bytes": _LARGEST_BYTES,
                "compression.type": compression,
                "partitioner": "murmur2_random",  # as Java's clients spread keys
                "queue.buffering.max.messages": 500_000,
                "queue.buffering.max.kbytes": 256 << 10,
                "message.timeout.ms": 0,  # a broker that is away is waited for
                "delivery.report.only.error": True,
                "on_delivery": self._note,
                **_QUIET,
            }
        )

    def send(self, topic: str, record: OutgoingRecord) -> None:
        """Hand a record over for sending; waits while too much is underway.

        Raises:
            DeliveryFailed: earlier records were not taken.
        """
        while not self.offer(topic, record):
            self._producer.poll(_FULL_WAIT_SECONDS)

    def offer(self, topic: str, record: OutgoingRecord) -> bool:
        """Hand a record over without waiting; False when too much is underway.

        Raises:
            DeliveryFailed: earlier records were not taken.
        """
        self._check()
        arguments: dict[str, Any] = {}
        if record.headers:
            arguments["headers"] = list(record.headers)
        if record.timestamp_ms is not None:
            arguments["timestamp"] = record.timestamp_ms
        if record.partition is not None:
            arguments["partition"] = record.partition
        try:
            self._producer.produce(topic, record.value, record.key, **arguments)
        except BufferError:
            return False
        except KafkaException as error:
            raise DeliveryFailed(1, str(error)) from error
        return True

    def offer_many(self, topic: str, records: SameHeaders) -> int:
        """Hand records over without waiting; gives how many were taken, from the first.

        Raises:
            DeliveryFailed: earlier records were not taken.
        """
        self._check()
        more: dict[str, Any] = {}
        if records.headers:
            more["headers"] = list(records.headers)
        taken = 0
        try:
            for key, value in zip(records.keys, records.values, strict=True):
                self._producer.produce(topic, value, key, **more)
                taken += 1
        except BufferError:
            return taken
        except KafkaException as error:
            raise DeliveryFailed(1, str(error)) from error
        return taken

    def send_all(
        self,
        topic: str,
        records: Iterable[OutgoingRecord],
        *,
        pace: Callable[[int], float] | None = None,
    ) -> int:
        """Send records; `pace` is asked with their number so far how long to wait.

        Gives how many there were; `flush` says that they arrived.
        """
        count = 0
        for count, record in enumerate(records, 1):
            self.send(topic, record)
            if pace and (seconds := pace(count)) > 0:
                self._producer.poll(0)
                time.sleep(seconds)
        return count

    def send_dead_letter(self, letter: DeadLetter) -> None:
        """Put a record away, in the partition its key belongs to."""
        record = OutgoingRecord(letter.value, letter.key, letter.written_headers())
        self.send(dead_letter_topic(letter.topic), record)

    def flush(self, seconds: float = _SECONDS) -> None:
        """Wait until all that was sent has arrived.

        Raises:
            DeliveryFailed: something was not taken.
            Unavailable: some is still underway when the time is over.
        """
        left = self._producer.flush(seconds)
        self._check()
        if left:
            raise Unavailable(
                f"{left} record(s) did not reach {self._broker.bootstrap} in time.",
                hint="They are still being sent; look at the broker.",
            )

    @property
    def underway(self) -> int:
        """Records sent that have not arrived yet."""
        return len(self._producer)

    def poll(self) -> None:
        """Take note of failures, without waiting.

        Raises:
            DeliveryFailed: something was not taken.
        """
        self._producer.poll(0)
        self._check()

    def close(self) -> None:
        """Drop what is still underway; flush before."""
        self._producer.purge()  # or closing waits until the broker answers
        self._producer.close()

    def _note(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._failed += 1
            self._first = self._first or str(error)

    def _check(self) -> None:
        if self._failed:
            failed, first = self._failed, self._first
            self._failed, self._first = 0, ""
            raise DeliveryFailed(failed, first)


def _code(error: KafkaException) -> int:
    first = error.args[0]
    return first.code() if isinstance(first, KafkaError) else 0


def _unavailable(broker: Broker, error: KafkaException) -> Unavailable:
    return Unavailable(
        f"The broker {broker.bootstrap} did not answer: {error.args[0]}.",
        hint="Look at its log, or at ANALYTICS_STREAMING__BROKERS.",
    )
