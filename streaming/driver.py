"""Drives the topics: polls, works, commits, and only then hands results on."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from analytics_platform.clock import Clock
from analytics_platform.observability import get_logger
from analytics_platform.settings import StreamingSettings
from streaming.checkpoints.claims import Jump
from streaming.checkpoints.errors import Backlogged, Fenced
from streaming.checkpoints.retention import retention
from streaming.checkpoints.start import Log, choose_start
from streaming.checkpoints.store import CheckpointStore
from streaming.checkpoints.values import (
    Claim,
    Commit,
    Committed,
    PendingOutput,
    Stored,
)
from streaming.checkpoints.writer import CheckpointWriter
from streaming.commit_pace import CommitPace
from streaming.fencing import Fences
from streaming.kafka import EventConsumer
from streaming.membership import LogBounds
from streaming.offset_hints import OffsetHints
from streaming.outgoing import Pushed, Tally
from streaming.records import RawRecords, TopicPartition
from streaming.topic_work import TopicWork
from streaming.unread import Unread
from streaming.upkeep import Upkeep

log = get_logger(__name__)

_POLL_SECONDS = 0.02
_TICK_SECONDS = 0.1
_BACKLOG_SECONDS = 0.05
# Reading stops while so much waits for the state database.
_MOST_UNCOMMITTED = 200_000


@dataclass(frozen=True)
class Situation:
    """What a driver is told of its process; `name` tells it from its replicas."""

    name: str
    clock: Clock
    settings: StreamingSettings


@dataclass(frozen=True)
class Handing:
    """Where what was committed goes: to the hub, and to the topics.

    `recall` is given what a former owner committed and may not have handed on.
    """

    push: Callable[[Pushed], object]
    deliver: Callable[[str, list[PendingOutput]], None]
    recall: Callable[[Sequence[PendingOutput]], Awaitable[None]]
    measure: Callable[["Driver"], None] = lambda _: None


class Driver:
    """Owns the partitions that its consumer is given.

    One commit at a time is on its way; meanwhile the next events are taken.
    """

    def __init__(
        self,
        works: Mapping[str, TopicWork],
        writer: CheckpointWriter,
        handing: Handing,
        situation: Situation,
    ) -> None:
        """`works` are by topic."""
        self.works, self._writer, self._handing = works, writer, handing
        self._situation, self._settings = situation, situation.settings
        self._commit: asyncio.Task[None] | None = None
        self._pace = CommitPace(works, time.monotonic())
        self._fences = Fences(situation.name)
        self._hints, self._unread = OffsetHints(), Unread()
        self._consumer: EventConsumer | None = None
        sources = [work.source for work in works.values()]
        self.upkeep = Upkeep(writer, sources, retention(self._settings))
        self._ticked = time.monotonic()
        self._paused = False
        self._unwritten = 0  # events in a commit that is on its way
        self.stopping = False
        self.commit_seconds: list[float] = []
        self.counts: Counter[str] = Counter()
        self.tallies: list[tuple[str, Tally]] = []

    async def run(self, consumer: EventConsumer) -> None:
        """Work until `stopping`, then commit and leave.

        Raises:
            Contested: other processes keep taking its partitions over.
            Stalled, OffsetOutOfRange, DiskFull, StateUnusable: it cannot go on.
        """
        self._consumer = consumer
        await consumer.start()
        try:
            while not self.stopping:
                try:
                    await self._step(consumer)
                except Fenced as error:
                    self._fences.note(error, time.monotonic())
                    await self._drop()
                    consumer.rejoin()
            await self._settle_or_drop()
            await self._hints.tell_now(consumer)
        finally:
            self._hints.stop()
            if self._commit:
                self._commit.cancel()
            await consumer.stop()

    async def _step(self, consumer: EventConsumer) -> None:
        polled = await consumer.poll(_POLL_SECONDS)
        unread = self._unread.among(consumer.progress(), polled, time.monotonic())
        self._take(polled, unread)
        await self._commit_news()
        self._hints.tell(consumer)
        self._balance(consumer)
        self._handing.measure(self)

    async def on_assign(
        self, bounds: Mapping[TopicPartition, LogBounds]
    ) -> Mapping[TopicPartition, int]:
        """Claim partitions, restore their states, and say where to go on."""
        starts: dict[TopicPartition, int] = {}
        left: list[PendingOutput] = []
        for work in self.works.values():
            topic = work.source.topic
            logs = {
                where.partition: Log(topic, where.partition, *found)
                for where, found in bounds.items()
                if where.topic == topic
            }
            if not logs:
                continue
            begun = await self._writer.patiently(
                lambda store, work=work, logs=logs: self._claim(store, work, logs)  # type: ignore[misc]
            )
            for partition, (claim, offset, states, pending) in begun.items():
                work.begin(claim, offset, states)
                self._paused = False  # a new assignment is read at first
                starts[TopicPartition(topic, partition)] = offset
                self._handing.deliver(topic, pending)
                left += pending
        await self._handing.recall(left)
        self._unread.begin(starts, time.monotonic())
        return starts

    async def on_revoke(self, partitions: frozenset[TopicPartition]) -> None:
        """Commit what was taken of partitions, and forget them.

        Raises:
            Contested: as `run` does.
        """
        await self._settle_or_drop()
        if self._consumer is not None:
            await self._hints.tell_now(self._consumer)
        for topic, work in self.works.items():
            gone = [one.partition for one in partitions if one.topic == topic]
            if gone:
                await self._forget(work, gone)

    def _claim(
        self, store: CheckpointStore, work: TopicWork, logs: Mapping[int, Log]
    ) -> dict[int, "_Begun"]:
        now_ms = _wall_ms()
        source = work.source
        store.declare(source, work.fingerprints, now_ms)
        claims = store.claim(source, logs, owner=self._situation.name, now_ms=now_ms)
        found: dict[int, _Begun] = {}
        for partition, claimed in claims.items():
            start = choose_start(
                claimed.next_offset,
                logs[partition],
                initial=self._settings.first_read,
                out_of_range=self._settings.out_of_range,
            )
            claim = claimed
            if start.reason is not None:
                jump = Jump(start.offset, start.reason, now_ms)
                claim = store.begin_at(source, partition, jump)
            states = {
                name: store.load(source, partition, name) for name in work.fingerprints
            }
            pending = store.pending(source, [partition])
            found[partition] = (claim, start.offset, states, pending)
        return found

    def _take(
        self, polled: list[RawRecords], unread: Collection[TopicPartition]
    ) -> None:
        now_ms, at_ms = self._now_ms(), _wall_ms()
        for topic, work in self.works.items():
            work.expect([one.partition for one in unread if one.topic == topic], now_ms)
            owned = set(work.partitions)  # not those that were taken over
            records = [
                one
                for one in polled
                if one.where.topic == topic and one.where.partition in owned
            ]
            if records:
                self.counts[topic] += work.take(records, now_ms, at_ms)
        if time.monotonic() - self._ticked >= _TICK_SECONDS:
            self._ticked = time.monotonic()
            for work in self.works.values():
                work.tick(now_ms, at_ms)

    async def _commit_news(self) -> None:
        """Begin a commit of what is due, once the one before is written."""
        if self._commit and self._commit.done():
            finished, self._commit = self._commit, None
            await finished
        if self._commit is None and (self._due or self.upkeep.is_due):
            self._commit = asyncio.create_task(self._commit_and_tidy(), name="commit")

    @property
    def _due(self) -> list[TopicWork]:
        now = time.monotonic()
        return [
            work
            for topic, work in self.works.items()
            if self._pace.is_due(topic, work, now) or (self._paused and work.has_news)
        ]

    async def _commit_and_tidy(self) -> None:
        """Commit until nothing is due: what came meanwhile need not wait for a poll."""
        while True:
            for work in self._due:
                await self._commit_work(work)
            if self.upkeep.is_due:
                await self.upkeep.run(_wall_ms())
            if not self._due:
                return

    async def _settle(self) -> None:
        """Wait until everything that was taken is written."""
        if self._commit:
            finished, self._commit = self._commit, None
            await finished
        for work in self.works.values():
            await self._commit_work(work)

    async def _settle_or_drop(self) -> None:
        """Write what was taken, if the partitions are still ours."""
        try:
            await self._settle()
        except Fenced as error:
            self._fences.note(error, time.monotonic())
            await self._drop()

    async def _drop(self) -> None:
        """Forget all that is owned; whoever owns it goes on from the last commit."""
        if self._commit:
            unwritten, self._commit = self._commit, None
            with suppress(Fenced):
                await unwritten
        self._unwritten = 0
        for work in self.works.values():
            await self._forget(work, work.partitions)

    async def _forget(self, work: TopicWork, partitions: Sequence[int]) -> None:
        self._hints.forget(work.source.topic, partitions)
        work.end(partitions)
        await self._writer.run(lambda store: store.release(work.source, partitions))

    async def _commit_work(self, work: TopicWork) -> None:
        if not work.has_news:
            return
        started = time.perf_counter()
        self._pace.note_cut(work.source.topic, time.monotonic())
        self._unwritten = work.uncommitted
        cut = work.cut(_wall_ms())
        committed = await self._write(cut.commit)
        self._unwritten = 0
        self.commit_seconds.append(time.perf_counter() - started)
        work.note(committed)
        self._hints.note(work.source.topic, cut.commit.moves)
        self._handing.deliver(work.source.topic, list(committed.outputs))
        self.tallies.append((work.source.topic, cut.tally))
        for pushed in cut.pushed:
            self._handing.push(pushed)

    async def _write(self, commit: Commit) -> Committed:
        """Write a commit, once enough of the outputs before it was delivered."""
        said = False
        while True:
            try:
                return await self._writer.commit(commit)
            except Backlogged as error:
                if not said:
                    log.warning("delivery_awaited", error=str(error))
                said = True
                await asyncio.sleep(_BACKLOG_SECONDS)

    def _balance(self, consumer: EventConsumer) -> None:
        """Stop reading while the state database is too far behind."""
        waiting = sum(one.uncommitted for one in self.works.values())
        owned = [
            TopicPartition(topic, partition)
            for topic, work in self.works.items()
            for partition in work.partitions
        ]
        if waiting > _MOST_UNCOMMITTED and not self._paused:
            consumer.pause(owned)
            self._paused = True
            log.warning("reading_paused", uncommitted=waiting)
        elif self._paused and waiting == self._unwritten == 0:
            consumer.resume(owned)
            self._paused = False
            log.info("reading_resumed")

    def _now_ms(self) -> int:
        return int(self._situation.clock.now().timestamp() * 1000)


_Begun = tuple[Claim, int, dict[str, Stored], list[PendingOutput]]


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
