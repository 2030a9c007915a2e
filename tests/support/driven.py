"""A driver over a consumer without a broker, on a real state database."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from analytics_platform.settings import StreamingSettings
from streaming.checkpoints.messages import Message, decode_messages
from streaming.checkpoints.store import CheckpointStore
from streaming.checkpoints.values import Commit, Committed, PendingOutput, Source
from streaming.checkpoints.writer import CheckpointWriter
from streaming.definitions import compile_windows
from streaming.driver import Driver, Handing, Situation
from streaming.membership import LogBounds, Owner, Progress
from streaming.outgoing import Pushed
from streaming.pipeline import Pipeline
from streaming.records import Record, TopicPartition
from streaming.topic_work import TopicWork
from streaming.window_stage import WindowStage
from tests.domains import readings as domain
from tests.support.raw_records import FakeRecords
from tests.support.readings import Reading

SOURCE = Source("cluster-1", domain.TOPIC)
SENT_MS = 1_800_000_000_000


@dataclass(frozen=True)
class SentRecords(FakeRecords):
    """Records with the times at which they were sent, and all that they carry."""

    def __len__(self) -> int:
        return len(self.values)

    @property
    def timestamps_ms(self) -> NDArray[np.int64]:
        """One millisecond after the other."""
        return SENT_MS + self.offsets

    def record(self, index: int) -> Record:  # type: ignore[override]
        """One of them."""
        where, offset = TopicPartition(*self.where), self.first + index
        return Record(where, offset, SENT_MS + offset, b"key", self.values[index], ())

    def trace(self, index: int) -> str:
        """A trace of its own for each."""
        return f"00-{self.where[1] + 1:032x}-{self.first + index + 1:016x}-01"


@dataclass(frozen=True)
class FixedClock:
    """A platform whose time stands still."""

    def now(self) -> datetime:
        """Always the same."""
        return datetime(2024, 1, 1, tzinfo=UTC)


class FakeConsumer:
    """Hands on logs in pieces; the driver stops when it has had everything."""

    def __init__(self, logs: Sequence[Sequence[bytes]], piece: int = 40) -> None:
        self.logs, self._piece = [list(log) for log in logs], piece
        self.places: dict[int, int] = {}
        self.paused: set[TopicPartition] = set()
        self.pauses, self.pause_seconds = 0, 0.0
        self.left = False
        self.rejoins = 0
        self.told: dict[TopicPartition, int] = {}
        self.owner: Driver | None = None
        self._is_rejoining = False
        self.before_poll: Callable[[], object] = lambda: None

    async def start(self) -> None:
        """Nothing to connect to."""
        await self.assign(range(len(self.logs)))

    async def stop(self) -> None:
        """Leave."""
        self.left = True

    async def assign(self, partitions: Iterable[int]) -> None:
        """Give partitions to the owner."""
        bounds = {
            TopicPartition(domain.TOPIC, one): LogBounds(0, len(self.logs[one]))
            for one in partitions
        }
        starts = await self._owned.on_assign(bounds)
        self.places = {where.partition: offset for where, offset in starts.items()}

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> bool:
        """Take the next offsets that are told."""
        self.told |= offsets
        return True

    def rejoin(self) -> None:
        """Give all up and get all again, before the next piece."""
        self.rejoins += 1
        self._is_rejoining = True

    async def revoke(self) -> None:
        """Take all partitions away."""
        gone = [TopicPartition(domain.TOPIC, one) for one in self.places]
        self.places = {}
        await self._owned.on_revoke(frozenset(gone))

    async def poll(self, _seconds: float) -> list[SentRecords]:
        """The next piece of each partition."""
        self.before_poll()
        if self._is_rejoining:
            self._is_rejoining = False
            await self.revoke()
            await self.assign(range(len(self.logs)))
        await asyncio.sleep(self.pause_seconds)
        found = []
        for partition, place in self.places.items():
            where = TopicPartition(domain.TOPIC, partition)
            values = self.logs[partition][place : place + self._piece]
            if values and where not in self.paused:
                found.append(SentRecords(values, where, place))
                self.places[partition] = found[-1].next_offset
        if not found:
            await asyncio.sleep(0.001)
            if self.is_through and self.owner and not _is_writing(self.owner):
                self.owner.stopping = True
        return found

    def progress(self) -> dict[TopicPartition, Progress]:
        """How far each partition is."""
        return {
            TopicPartition(domain.TOPIC, one): Progress(
                place, len(self.logs[one]), len(self.logs[one]), paused=False
            )
            for one, place in self.places.items()
        }

    @property
    def is_through(self) -> bool:
        """Whether everything was handed on."""
        return all(place == len(self.logs[p]) for p, place in self.places.items())

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """Hand on nothing of these."""
        self.pauses += 1
        self.paused |= set(partitions)

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """Go on."""
        self.paused -= set(partitions)

    @property
    def _owned(self) -> Owner:
        assert self.owner is not None
        return self.owner


def _is_writing(driver: Driver) -> bool:
    """Whether it may yet find out that partitions were taken over from it."""
    has_news = any(work.has_news for work in driver.works.values())
    return has_news or driver._unwritten > 0


class Crash(Exception):
    """The process is gone."""


def crash_at(number: int) -> Callable[[int], None]:
    """What happens to a `Troubled` store at its commit of that number."""

    def crash(commit: int) -> None:
        if commit == number:
            raise Crash

    return crash


class Troubled(CheckpointStore):
    """A store to which something happens at its commits, by their number."""

    trouble: Callable[[int], object] = staticmethod(lambda _: None)
    after: Callable[[int], object] = staticmethod(lambda _: None)
    commits = 0

    def commit(self, commit: Commit) -> Committed:
        """Commit, between the two."""
        self.commits += 1
        self.trouble(self.commits)
        found = super().commit(commit)
        self.after(self.commits)
        return found


@dataclass
class Process:
    """One life of a sidecar without a broker."""

    store: CheckpointStore
    consumer: FakeConsumer
    pushed: list[Pushed] = field(default_factory=list)
    delivered: list[Message] = field(default_factory=list)
    recalled: list[PendingOutput] = field(default_factory=list)
    settings: StreamingSettings = field(default_factory=StreamingSettings)
    acknowledges: bool = True

    def __post_init__(self) -> None:
        """Put it together; `run` starts it."""
        self.writer = CheckpointWriter(self.store)
        situation = Situation("process", FixedClock(), self.settings)
        handing = Handing(self.pushed.append, self._deliver, self._recall)
        work = TopicWork(SOURCE, pipeline())
        self.driver = Driver({domain.TOPIC: work}, self.writer, handing, situation)
        self.consumer.owner = self.driver

    def run(self, seconds: float = 60) -> None:
        """Until everything is taken; raises what it ends with."""
        asyncio.run(asyncio.wait_for(self._run(), seconds))

    async def _run(self) -> None:
        self.store.meet_cluster(SOURCE.cluster, embedded=False, now_ms=1)
        try:
            await self.driver.run(self.consumer)  # type: ignore[arg-type]
            await self.writer.run(CheckpointStore.forget_delivered)
        finally:
            await self.writer.close()

    async def _recall(self, outputs: Sequence[PendingOutput]) -> None:
        self.recalled += outputs

    def _deliver(self, _topic: str, outputs: list[PendingOutput]) -> None:
        for one in outputs:
            self.delivered += decode_messages(one.output.body)
        if self.acknowledges:
            self.store.delivered([one.id for one in outputs])


def pipeline() -> Pipeline:
    """The live windows of the readings, as Python runs them."""
    compiled = compile_windows(domain.DOMAIN, domain.semantic_manifest())
    stages = [WindowStage(one) for one in compiled]
    return Pipeline(domain.STREAM, domain.TOPIC, stages)


def logs_of(sent: Iterable[Reading]) -> list[list[Reading]]:
    """The readings of each partition."""
    found: list[list[Reading]] = [[] for _ in range(domain.PARTITIONS)]
    for one in sent:
        found[one.partition].append(one)
    return found


def values_of(logs: Sequence[Sequence[Reading]]) -> list[list[bytes]]:
    """What is in each partition's log."""
    return [[one.value for one in log] for log in logs]
