"""The consumer: raw batches from Kafka, offsets and rebalances in its owner's hands."""

import asyncio
import logging
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import aiokafka.errors as kafka_errors
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.fetcher import Fetcher, FetchError
from aiokafka.consumer.subscription_state import Assignment, SubscriptionState
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import OffsetAndMetadata
from aiokafka.structs import TopicPartition as KafkaPartition

from analytics_platform.errors import InvalidUsage, NotFound, PlatformError
from analytics_platform.observability import get_logger
from streaming.coordination import Coordinator
from streaming.fetch_pace import FetchPace
from streaming.fetches import Answer, Presence, Waiting, refusal
from streaming.liveness import Guard, Liveness
from streaming.membership import (
    ConsumerOptions,
    LogBounds,
    OffsetOutOfRange,
    Owner,
    Progress,
)
from streaming.rebalance import Listener, Rebalance
from streaming.records import RawRecords, RecordReader, TopicPartition

log = get_logger(__name__)

_FIRST = asyncio.FIRST_COMPLETED
_RETRY_SECONDS = 0.5
_METADATA_MS = 30_000
_COMMIT_SECONDS = 5.0
_GUARD_SECONDS = 5.0  # later than `poll`, whose error lets the owner clean up


class EventConsumer:
    """One member of a consumer group.

    All of it happens in its owner's task and inside `poll`: no partition comes or
    goes while the owner works on what it took, and the owner's own errors come out
    of `poll`.
    """

    def __init__(self, options: ConsumerOptions, owner: Owner) -> None:
        self._options = options
        self._owner = owner
        self._rebalance = Rebalance()
        self._presence = Presence()
        self._client = AIOKafkaClient(
            bootstrap_servers=options.bootstrap,
            client_id=options.instance or options.group,
            metadata_max_age_ms=_METADATA_MS,
            request_timeout_ms=options.request_ms,
        )
        self._state = SubscriptionState()
        self._fetcher: _RawFetcher | None = None
        self._coordinator: Coordinator | None = None
        stall, now = options.stall_seconds, time.monotonic()
        self._liveness = Liveness(stall_seconds=stall, now=now)
        late = Liveness(stall_seconds=stall + _GUARD_SECONDS, now=now)
        self._guard = Guard(partial(self._watch, late))

    async def start(self) -> None:
        """Connect, waiting for the broker as long as it takes, and join the group.

        Raises:
            NotFound: a topic does not exist.
        """
        # It repeats itself ten times a second; events of our own say it once.
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
        topics = set(self._options.topics)
        self._client.set_topics(topics)
        await self._connect()
        for topic in topics:
            try:
                await self._client._wait_on_metadata(topic)
            except kafka_errors.UnknownTopicOrPartitionError as error:
                raise NotFound(
                    f"The topic {topic} does not exist.", hint="Create it first."
                ) from error
        self._state.subscribe(topics, Listener(self._rebalance))
        self._fetcher = _RawFetcher(
            self._client, self._state, self._options, self._presence
        )
        self._coordinator = Coordinator(
            self._client,
            self._state,
            group_id=self._options.group,
            group_instance_id=self._options.instance,
            session_timeout_ms=self._options.session_ms,
            heartbeat_interval_ms=self._options.heartbeat_ms,
            rebalance_timeout_ms=self._options.rebalance_ms,
            enable_auto_commit=False,
        )
        self._guard.start()

    async def stop(self) -> None:
        """Leave: at once, or (a static member) when the session time is over.

        The owner is not asked any more: what it took should be committed before.
        """
        self._guard.stop()
        self._rebalance.close()
        if self._coordinator:
            await self._coordinator.close()
        if self._fetcher:
            await self._fetcher.close()
        await self._client.close()

    async def poll(self, seconds: float) -> list[RawRecords]:
        """What came since the last call; waits up to `seconds` for it.

        Items of one partition follow each other in order; nothing comes of paused
        ones. Calling it says that what it gave before is dealt with.

        Raises:
            Stalled: records wait, the broker answers, and nothing moves. When `poll`
                is not even called, the process is ended with the error's exit code.
            OffsetOutOfRange: the log does not have what would be next.
            CorruptRecords: the log holds something else than what was written.
        """
        fetcher, coordinator = self._running()
        deadline = time.monotonic() + seconds
        fetcher.pace.note_back(time.monotonic())
        await asyncio.sleep(0)  # heartbeats need the loop, however much is waiting
        with self._state.fetch_context():
            while True:
                await self._tell_owner()
                coordinator.check_errors()
                taken = fetcher.take()
                self._watch(self._liveness, time.monotonic())
                left = deadline - time.monotonic()
                if taken or left <= 0:
                    fetcher.pace.note_given(taken, time.monotonic())
                    return taken
                await fetcher.wait(self._rebalance.asked, left)

    def pause(self, partitions: Collection[TopicPartition]) -> None:
        """Fetch nothing more of these; what is already here waits."""
        for where in self._ours(partitions):
            self._state.pause(where)

    def resume(self, partitions: Collection[TopicPartition]) -> None:
        """Go on fetching these."""
        for where in self._ours(partitions):
            self._state.resume(where)

    def rejoin(self) -> None:
        """Give all partitions up, and ask for some again."""
        self._running()[1].request_rejoin()

    def progress(self) -> dict[TopicPartition, Progress]:
        """How far each assigned partition that has been started is."""
        subscription = self._state.subscription
        assignment = subscription.assignment if subscription else None
        if assignment is None or not assignment.active:
            return {}
        found = ((where, assignment.state_value(where)) for where in assignment.tps)
        return {
            TopicPartition(*where): Progress(s.position, s.highwater, s.lso, s.paused)
            for where, s in found
            if s.has_valid_position
        }

    @property
    def away_since(self) -> float | None:
        """Since when (monotonic seconds) the broker has not answered, if so."""
        return self._presence.away_since

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> bool:
        """Tell Kafka the next offsets, for its own lag figures; a hint, no truth.

        False when it could not be told, because of a rebalance for instance.
        """
        _, coordinator = self._running()
        ours = self._ours(offsets)
        told = {where: OffsetAndMetadata(offsets[where], "") for where in ours}
        assignment = self._state.subscription.assignment
        if not told or assignment is None:
            return False
        try:
            async with asyncio.timeout(_COMMIT_SECONDS):
                await coordinator.commit_offsets(assignment, told)
        except (kafka_errors.KafkaError, TimeoutError) as error:
            log.debug("offset_hint_refused", error=repr(error))
            return False
        return True

    def _running(self) -> "tuple[_RawFetcher, Coordinator]":
        if self._fetcher is None or self._coordinator is None:
            raise InvalidUsage("The consumer is not started.", hint="Start it first.")
        return self._fetcher, self._coordinator

    def _ours(self, partitions: Collection[TopicPartition]) -> list[KafkaPartition]:
        asked = (KafkaPartition(*where) for where in partitions)
        return [where for where in asked if self._state.is_assigned(where)]

    async def _connect(self) -> None:
        while True:
            try:
                await self._client.bootstrap()
            except kafka_errors.KafkaConnectionError as error:
                self._presence.away(error)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                self._presence.back()
                return

    async def _tell_owner(self) -> None:
        while (change := self._rebalance.next()) is not None:
            try:
                if change.kind == "revoke":
                    await self._owner.on_revoke(change.partitions)
                else:
                    await self._assign(change.partitions)
            finally:
                change.finish()
                self._liveness.restart(time.monotonic())

    async def _assign(self, partitions: frozenset[TopicPartition]) -> None:
        fetcher, _ = self._running()
        bounds = await self._bounds(partitions)
        starts = await self._owner.on_assign(bounds)
        for where, (begin, end) in bounds.items():
            if not begin <= starts[where] <= end:
                raise OffsetOutOfRange(where, starts[where], bounds[where])
        for where in self._ours(bounds):
            fetcher.seek_to(where, starts[where])
        told = {f"{where.topic}-{where.partition}": starts[where] for where in bounds}
        log.info("partitions_assigned", starts=told)

    async def _bounds(
        self, partitions: frozenset[TopicPartition]
    ) -> dict[TopicPartition, LogBounds]:
        fetcher, _ = self._running()
        asked = [KafkaPartition(*where) for where in sorted(partitions)]
        limit = self._options.request_ms
        while True:
            try:
                begins = await fetcher.beginning_offsets(asked, limit)
                ends = await fetcher.end_offsets(asked, limit)
            except kafka_errors.KafkaError as error:
                log.warning("log_bounds_awaited", error=repr(error))
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                ranges = {tp: LogBounds(begins[tp], ends[tp]) for tp in asked}
                return {TopicPartition(*tp): ranges[tp] for tp in asked}

    def _watch(self, liveness: Liveness, now: float) -> None:
        if self.away_since is not None or self._state.reassignment_in_progress:
            liveness.restart(now)  # a stall counts while the broker answers
        else:
            liveness.observe(self.progress().values(), now=now)


class _RawFetcher(Fetcher):  # type: ignore[misc]
    """aiokafka's fetcher, keeping the bytes; positions are set by the owner alone."""

    def __init__(
        self,
        client: AIOKafkaClient,
        state: SubscriptionState,
        options: ConsumerOptions,
        presence: Presence,
    ) -> None:
        super().__init__(
            client,
            state,
            fetch_max_bytes=options.fetch_bytes,
            fetch_max_wait_ms=options.fetch_wait_ms,
            max_partition_fetch_bytes=options.partition_bytes,
            auto_offset_reset="none",
            isolation_level="read_committed",
        )
        self.presence, self.pace = presence, FetchPace()
        self._reader = RecordReader(
            max_value_bytes=options.max_value_bytes,
            max_batch_bytes=options.max_batch_bytes,
        )

    def take(self) -> list[RawRecords]:
        """Everything that came for partitions that are ours and not paused."""
        taken: list[RawRecords] = []
        ours = [] if self._subscriptions.reassignment_in_progress else [*self._records]
        for where in ours:
            try:
                taken += self._take(where, self._records[where])
            except PlatformError:
                if taken:
                    return taken  # what the others gave first; it is raised next time
                del self._records[where]
                raise
        return taken

    def _take(
        self, where: KafkaPartition, entry: Waiting | FetchError
    ) -> list[RawRecords]:
        if isinstance(entry, FetchError):
            entry.check_raise()
            return []
        assignment, fetched = entry.assignment, entry.fetched
        state = assignment.state_value(where)
        chunks: list[RawRecords] = []
        if assignment.active and state.paused:
            return chunks
        if assignment.active and state.position == fetched.position:
            chunks = self._reader.read(fetched)
            state.consumed_to(chunks[-1].next_offset)
        del self._records[where]
        self._notify(self._wait_consume_future)
        return chunks

    async def wait(self, changed: asyncio.Event, seconds: float) -> None:
        """Wait until something was fetched, `changed` is set, or the time is over."""
        fetched = self._create_fetch_waiter()
        signal = asyncio.ensure_future(changed.wait())
        try:
            await asyncio.wait([fetched, signal], timeout=seconds, return_when=_FIRST)
            if fetched.done():
                fetched.result()  # the coordinator's errors come through here
        finally:
            signal.cancel()
            fetched.cancel()

    async def _update_fetch_positions(
        self,
        assignment: Assignment,
        node_id: int,  # noqa: ARG002 - aiokafka's signature
        tps: list[KafkaPartition],
    ) -> bool:
        waiters = [assignment.state_value(tp).wait_for_position() for tp in tps]
        with suppress(asyncio.CancelledError):  # aiokafka awaits what it cancelled
            waiters.append(assignment.unassign_future)
            await asyncio.wait(waiters, return_when=_FIRST)
        return False

    async def _proc_fetch_request(
        self, assignment: Assignment, node_id: int, request: FetchRequest
    ) -> bool:
        came = False
        with suppress(asyncio.CancelledError):  # aiokafka awaits what it cancelled
            await asyncio.sleep(self.pace.rest_seconds(time.monotonic()))
            try:
                response = await self._client.send(node_id, request)
            except kafka_errors.KafkaError as error:
                self.presence.away(error)
                await asyncio.sleep(self._retry_backoff)
                return False
            self.presence.back()
            asked = {
                TopicPartition(topic, partition): offset
                for topic, partitions in request.topics
                for partition, offset, _ in partitions
            }
            for topic, partitions in response.topics if assignment.active else ():
                for partition, code, *rest in partitions:
                    where = TopicPartition(topic, partition)
                    state = assignment.state_value(where)
                    if state.has_valid_position and state.position == asked[where]:
                        came |= self._keep(where, assignment, code, rest)
        return came

    def _keep(
        self, where: TopicPartition, assignment: Assignment, code: int, rest: list[Any]
    ) -> bool:
        """Note a partition's answer; True wakes who waits for records."""
        state = assignment.state_value(where)
        if code:
            refused = refusal(code, where, state.position)
            if refused is None:  # such as a leader that has moved
                self._client.force_metadata_update()
            else:
                self._set_error(where, refused)
            return refused is not None
        answer = Answer.of(rest)
        state.highwater, state.lso = answer.high_water, answer.stable_end
        if answer.data:
            fetched = answer.fetched(where, state.position)
            self._records[where] = Waiting(fetched, assignment)
        return bool(answer.data)
