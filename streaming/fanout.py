"""Several replicas push the same messages: their order is made once, in Redis.

Every replica sends what it publishes to a Redis stream per channel, and gives its
clients what it reads from there, its own messages included. So each message has the
same channel, epoch and sequence on every replica, and a client may resume on another.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from analytics_platform.observability import get_logger
from streaming.hub.hub import Hub
from streaming.hub.wire import NO_CAUSE, Batch, Cause, Place, payload_bytes

if TYPE_CHECKING:
    from redis.commands.core import AsyncScript

log = get_logger(__name__)

PREFIX = "analytics:push"
_BATCH = 500
_BLOCK_MS = 2_000
_ANSWER_SECONDS = 5.0
_PAUSES = (0.05, 0.2, 0.5, 1.0, 2.0)

# One batch becomes one entry, whose id is <epoch>-<sequence of its last message>. An
# epoch is one life of the numbering. Redis may have lost its newest entries when it
# comes back, so another run of it begins another epoch: no number is given twice.
# KEYS: stream, its life, the publisher's newest batch
# ARGV: messages kept, epoch known to the publisher, renew, batch, messages, entry
_APPEND = """
local run = string.match(redis.call('info', 'server'), 'run_id:(%w+)')
local life = redis.call('hmget', KEYS[2], 'run', 'epoch', 'last')
local epoch, last = tonumber(life[2] or 0), tonumber(life[3] or 0)
if redis.call('get', KEYS[3]) == ARGV[4] then return {epoch, last} end
if life[1] ~= run or ARGV[3] == '1' then
  local now = redis.call('time')
  epoch = math.max(now[1] * 1000 + math.floor(now[2] / 1000), epoch + 1, ARGV[2] + 1)
  last = 0
end
local count = tonumber(ARGV[5])
if count > 0 then
  last = last + count
  local id = string.format('%.0f-%.0f', epoch, last)
  local oldest = string.format('%.0f-%.0f', epoch, math.max(0, last - ARGV[1]))
  redis.call('xadd', KEYS[1], 'minid', '~', oldest, id, 'n', count, 'm', ARGV[6])
  redis.call('set', KEYS[3], ARGV[4], 'ex', 3600)
end
redis.call('hset', KEYS[2], 'run', run, 'epoch', string.format('%.0f', epoch),
  'last', string.format('%.0f', last))
return {epoch, last}
"""


class Publisher(Protocol):
    """What gives messages to every client: the hub alone, or all replicas' hubs."""

    def publish(
        self,
        channel: str,
        payload: bytes | Mapping[str, object],
        *,
        key: str | None = None,
        cause: Cause = NO_CAUSE,
    ) -> Place | None:
        """Give a message to every reader of a channel, without waiting for any."""
        ...

    def publish_all(self, channel: str, batch: Batch) -> None:
        """Give several messages to every reader of a channel, likewise."""
        ...


class _Sent(NamedTuple):
    """A message on its way; how it lies in an entry."""

    key: str | None
    payload: bytes
    sent_ms: int | None
    trace: str | None


@dataclass(frozen=True)
class _Batch:
    number: int
    channel: str
    messages: list[_Sent]
    renew: bool


_ENTRY = msgspec.msgpack.Decoder(list[_Sent])


def open_redis(url: str) -> Redis:
    """A client of the Redis at `url`, which connects when first used."""
    return Redis.from_url(
        url,
        socket_timeout=_ANSWER_SECONDS,
        socket_connect_timeout=_ANSWER_SECONDS,
        protocol=2,
        retry=Retry(NoBackoff(), 0),  # who asks waits and says so, as long as it takes
    )


class Fanout:
    """Publishes to every replica's hub. `run` carries messages there and back."""

    def __init__(self, redis: Redis, hub: Hub, *, prefix: str = PREFIX) -> None:
        self._redis, self._hub, self.prefix = redis, hub, prefix
        self._append: AsyncScript = redis.register_script(_APPEND)
        self._name = secrets.token_hex(8)
        self._numbers = 0
        self._waiting: dict[str, deque[_Sent]] = {name: deque() for name in hub.rings}
        self._renew: set[str] = set()
        self._news = asyncio.Event()
        self.joined = asyncio.Event()  # set once the hub has what Redis keeps
        self._problem: str | None = "has not reached Redis yet"

    @property
    def problem(self) -> str | None:
        """What keeps messages from the clients; None while nothing does."""
        return self._problem

    def publish(
        self,
        channel: str,
        payload: bytes | Mapping[str, object],
        *,
        key: str | None = None,
        cause: Cause = NO_CAUSE,
    ) -> None:
        """Give a message to every reader of a channel on every replica.

        While Redis does not answer, as many messages wait as the channel keeps. If
        there are more they are dropped, and its clients told to start over.

        Raises:
            NotFound: there is no such channel.
        """
        self.publish_all(channel, Batch([key], [payload_bytes(payload)], [(cause, 1)]))

    def publish_all(self, channel: str, batch: Batch) -> None:
        """Give several messages to every reader, as `publish` does.

        Raises:
            NotFound: there is no such channel.
        """
        most = self._hub.ring(channel).channel.capacity
        waiting = self._waiting[channel]
        causes = chain.from_iterable(repeat(*run) for run in batch.causes)
        for key, payload, cause in zip(batch.keys, batch.payloads, causes, strict=True):
            if len(waiting) >= most:
                log.warning("messages_dropped", channel=channel, messages=len(waiting))
                waiting.clear()
                self._renew.add(channel)
            waiting.append(_Sent(key, payload, cause.sent_ms, cause.trace))
        self._news.set()

    async def run(self) -> None:
        """Carry messages until cancelled; waits for a Redis that does not answer."""
        tasks = [
            asyncio.create_task(one) for one in (self._write_all(), self._read_all())
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            await _end(tasks)

    async def _write_all(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while batch := self._next_batch():
                await self._write(batch)

    def _next_batch(self) -> _Batch | None:
        """The next messages of a channel; they leave the queue once written."""
        for channel, waiting in self._waiting.items():
            if waiting:
                self._numbers += 1
                count = min(len(waiting), _BATCH)
                messages = [waiting.popleft() for _ in range(count)]
                renew = channel in self._renew
                self._renew.discard(channel)
                return _Batch(self._numbers, channel, messages, renew)
        return None

    async def _write(self, batch: _Batch) -> None:
        tries = 0
        while True:
            try:
                await self._call(batch)
            except (RedisError, OSError) as error:
                await self._wait(error, tries)
                tries += 1
            else:
                return

    async def _call(self, batch: _Batch) -> tuple[int, int]:
        """Append a batch, once however often it is tried; gives epoch and sequence."""
        ring = self._hub.ring(batch.channel)
        stream = self._stream(batch.channel)
        entry = msgspec.msgpack.encode(batch.messages)
        keys = [stream, f"{stream}:life", f"{stream}:from:{self._name}"]
        values: list[str | int | bytes] = [
            ring.channel.capacity,
            ring.epoch if self.joined.is_set() else 0,
            int(batch.renew),
            batch.number,
            len(batch.messages),
            entry,
        ]
        async with asyncio.timeout(_ANSWER_SECONDS):
            epoch, last = await self._append(keys=keys, args=values)
        return int(epoch), int(last)

    async def _read_all(self) -> None:
        tries = 0
        while True:
            try:
                places = await self._catch_up()
                self.joined.set()
                self._problem, tries = None, 0
                log.info("fanout_connected", channels=len(places))
                while True:
                    await self._read(places)
            except (RedisError, OSError) as error:
                await self._wait(error, tries)
                tries += 1

    async def _catch_up(self) -> dict[bytes, bytes]:
        """Take over what each channel keeps; gives from where to read on."""
        places = {}
        for channel, ring in self._hub.rings.items():
            none = _Batch(0, channel, [], renew=False)
            epoch, last = await self._call(none)
            stream = self._stream(channel).encode()
            count = ring.channel.capacity
            newest: Any = await self._redis.xrevrange(stream, count=count)
            kept = _newest(newest, ring.channel.capacity)
            for place, entry in reversed(kept):
                self._take(channel, place, entry)
            if ring.epoch != epoch and not kept:
                ring.restart(epoch, last=last)
            places[stream] = kept[0][0] if kept else b"0-0"
        return places

    async def _read(self, places: dict[bytes, bytes]) -> None:
        # redis-py's types allow for texts, which this client never decodes to.
        wanted: Any = places
        found: Any = await self._redis.xread(wanted, count=_BATCH, block=_BLOCK_MS)
        for stream, entries in found:
            channel = stream.decode().removeprefix(f"{self.prefix}:{{")[:-1]
            for place, entry in entries:
                self._take(channel, place, entry)
                places[stream] = place

    def _take(self, channel: str, name: bytes, entry: Mapping[bytes, bytes]) -> None:
        epoch, _, last = name.decode().partition("-")
        messages = _ENTRY.decode(entry[b"m"])
        first = Place(int(epoch), int(last) - len(messages) + 1)
        batch = Batch(
            [sent.key for sent in messages],
            [sent.payload for sent in messages],
            [(Cause(sent.sent_ms, sent.trace), 1) for sent in messages],
        )
        self._hub.receive(channel, first, batch)

    def _stream(self, channel: str) -> str:
        # Braces keep a channel's keys on one node of a cluster.
        return f"{self.prefix}:{{{channel}}}"

    async def _wait(self, error: Exception, tries: int) -> None:
        if self._problem is None or tries == 0:
            log.warning("redis_away", error=str(error) or type(error).__name__)
        self._problem = f"Redis does not answer: {error}"
        await asyncio.sleep(_PAUSES[min(tries, len(_PAUSES) - 1)])


async def _end(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel tasks until they end: redis-py now and then swallows a cancellation."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=0.1)


def _newest(entries: list[tuple[bytes, Any]], messages: int) -> list[tuple[bytes, Any]]:
    """Of entries, the newest first, those of its epoch with the newest `messages`."""
    kept: list[tuple[bytes, Any]] = []
    for entry in entries:
        if messages <= 0 or _epoch(entry) != _epoch(entries[0]):
            break
        kept.append(entry)
        messages -= int(entry[1][b"n"])
    return kept


def _epoch(entry: tuple[bytes, Any]) -> bytes:
    return entry[0].partition(b"-")[0]
