"""Sends readings: a topic filled at once, or events at an even rate."""

import gc
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Any

from confluent_kafka import Producer

from analytics_platform.adapters.brokers import Broker
from analytics_platform.adapters.topic import Topics
from tests.domains import readings as domain

START_MS = 1_700_000_000_000
AFTER_ALL_MS = 10**9  # closes every window before it
EVENTS_PER_MS = 100  # of event time, in a filled topic
LINGER_MS = 5
_BATCH, _MOST_UNDERWAY = 2_000, 200_000
_TICK_SECONDS = 0.002
_KEYS_AHEAD = 8_192
_LATEST_MS = 2_000


def values_of(keys: int) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """Each key's Kafka key, and its JSON before and after the time (195 bytes)."""
    names = [b"s%06d" % key for key in range(keys)]
    heads = [
        b'{"reading_id":"reading-%012d","what":"measured","at":' % key
        for key in range(keys)
    ]
    tails = [
        b',"sensor":"%b","level":%d.%d,"note":"%b"}'
        % (names[key], key % 97, key % 10, b"x" * 90)
        for key in range(keys)
    ]
    return names, heads, tails


class Feed:
    """Writes keyed records in bulk; what it sends at once is seen at once."""

    def __init__(self, broker: Broker, *, at_once: bool = False) -> None:
        """`at_once`: readers of what is committed see nothing before `commit`."""
        own = {"transactional.id": secrets.token_hex(8)} if at_once else {}
        self._producer = Producer(
            {
                "bootstrap.servers": broker.bootstrap,
                "enable.idempotence": True,
                "linger.ms": LINGER_MS,
                "batch.size": 1_000_000,
                "queue.buffering.max.messages": 2 * _MOST_UNDERWAY,
                "queue.buffering.max.kbytes": 512 << 10,
                "transaction.timeout.ms": 600_000,
                "message.timeout.ms": 300_000,
                "log_level": 0,
                **own,
            }
        )
        if at_once:
            self._producer.init_transactions()
            self._producer.begin_transaction()

    def send(self, topic: str, partition: int, messages: list[dict[str, Any]]) -> None:
        """Hand records over; waits while too much is underway."""
        while len(self._producer) > _MOST_UNDERWAY:
            self._producer.poll(0.01)
        queued = self._producer.produce_batch(topic, messages, partition=partition)
        if queued != len(messages):
            raise RuntimeError(f"only {queued} of {len(messages)} were queued")

    def flush(self) -> None:
        """Wait until everything has arrived."""
        if self._producer.flush(300):
            raise RuntimeError("not everything arrived")

    def commit(self) -> None:
        """Let everything be seen."""
        self._producer.commit_transaction(300)


def fill(feed: Feed, topic: str, *, keys: int, events: int) -> None:
    """Readings in the order of their time, out of order within the bound.

    The last one of each partition closes every window before it.
    """
    chance = Random(1)  # noqa: S311 - events to measure
    names, heads, tails = values_of(keys)
    waiting: list[list[dict[str, Any]]] = [[] for _ in range(domain.PARTITIONS)]
    random = chance.random
    for number in range(events):
        key = int(random() * keys)
        at = START_MS + number // EVENTS_PER_MS - int(random() * domain.BOUND_MS)
        value = b"%b%d%b" % (heads[key], at, tails[key])
        some = waiting[key % domain.PARTITIONS]
        some.append({"value": value, "key": names[key]})
        if len(some) == _BATCH:
            feed.send(topic, key % domain.PARTITIONS, some)
            waiting[key % domain.PARTITIONS] = []
    for partition, some in enumerate(waiting):
        feed.send(topic, partition, [*some, last(partition, START_MS)])
    feed.flush()


def last(partition: int, at_ms: int) -> dict[str, Any]:
    """A reading of a sensor of its own that closes every window before it."""
    head = b'{"reading_id":"last-%d","what":"measured","at":' % partition
    tail = b',"sensor":"end%d","level":0.5}' % partition
    value = b"%b%d%b" % (head, at_ms + AFTER_ALL_MS, tail)
    return {"value": value, "key": b"end%d" % partition}


def ends_of(broker: Broker, topic: str, *, at_once: bool) -> list[int]:
    """The offset of each partition's last record, the mark of a commit not counted."""
    bounds = Topics(broker).bounds(topic)
    return [bounds[n].end - (1 if at_once else 0) for n in sorted(bounds)]


@dataclass
class Sent:
    """What a paced feed has sent.

    `closings` are, of each partition, (end, seconds since 1970): when the first event
    was handed over that moved its watermark to or past this end of a window.
    """

    window_ms: int
    events: int = 0
    cpu_seconds: float = 0.0
    closings: list[list[tuple[int, float]]] = field(
        default_factory=lambda: [[] for _ in range(domain.PARTITIONS)]
    )

    def closed_at(self) -> dict[int, float]:
        """When each window could close: at the latest of the partitions' closings."""
        found = [self._every_end(some) for some in self.closings]
        known = set(found[0]).intersection(*found[1:])
        return {end: max(one[end] for one in found) for end in known}

    def _every_end(self, closings: Sequence[tuple[int, float]]) -> dict[int, float]:
        """Each end of a window with its closing: one event may pass several ends."""
        step = self.window_ms
        return {
            end: at
            for (before, _), (last, at) in pairwise(closings)
            for end in range(before + step, last + step, step)
        }


@dataclass(frozen=True)
class Pace:
    """Events at an even rate, their time the time at which they are sent.

    With `late_every`, about one in so many is older, by up to two seconds.
    """

    rate: int
    seconds: float
    keys: int = 100
    window_ms: int = 100
    late_every: int = 0

    def send(self, broker: Broker, topic: str) -> Sent:
        """Send all of them, and what closes the last windows."""
        gc.disable()  # an instrument must not pause
        feed, sent = Feed(broker), Sent(self.window_ms)
        names, heads, tails = values_of(self.keys)
        upcoming = [_keys_ahead(self.keys, n) for n in range(domain.PARTITIONS)]
        chance = Random(3)  # noqa: S311 - events to measure
        started, turn = time.time(), 0
        while (gone := time.time() - started) < self.seconds:
            due = int(gone * self.rate) - sent.events
            at_ms = int(time.time() * 1000)
            stamp = b"%d" % at_ms
            for partition in range(domain.PARTITIONS):
                ahead = (partition - turn) % domain.PARTITIONS
                share = len(range(ahead, due, domain.PARTITIONS))
                if not share:
                    continue
                chosen = [next(upcoming[partition]) for _ in range(share)]
                some = [
                    {"value": heads[key] + stamp + tails[key], "key": names[key]}
                    for key in chosen
                ]
                one_in = self.late_every // share + 1
                if self.late_every and not chance.randrange(one_in):
                    key, old = chosen[-1], at_ms - chance.randrange(_LATEST_MS)
                    some[-1]["value"] = b"%b%d%b" % (heads[key], old, tails[key])
                self._note(sent, partition, at_ms)
                feed.send(topic, partition, some)
            turn, sent.events = (turn + due) % domain.PARTITIONS, sent.events + due
            time.sleep(_TICK_SECONDS)
        for partition in range(domain.PARTITIONS):
            feed.send(topic, partition, [last(partition, int(time.time() * 1000))])
        feed.flush()
        sent.cpu_seconds = time.process_time()
        return sent

    def _note(self, sent: Sent, partition: int, at_ms: int) -> None:
        end = (at_ms - domain.BOUND_MS) // self.window_ms * self.window_ms
        known = sent.closings[partition]
        if not known or end > known[-1][0]:
            known.append((end, time.time()))


def _keys_ahead(keys: int, partition: int) -> Iterator[int]:
    """Keys of a partition at random, without end."""
    chance = Random(partition)  # noqa: S311 - events to measure
    own = range(partition, keys, domain.PARTITIONS)
    some = [chance.choice(own) for _ in range(_KEYS_AHEAD)]
    while True:
        yield from some
