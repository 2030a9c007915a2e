"""One client's session: what it reads, what is sent to it, how it ends."""

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Protocol

from analytics_platform.core.access import Principal
from analytics_platform.errors import PlatformError
from streaming.hub.hub import Hub
from streaming.hub.subscriptions import Overrun, Own, Span, Start, Subscription
from streaming.hub.wire import Close, Place, control

_WAITING_WORDS = 64  # answers not yet taken; a client that asks for more is cut off
_GOODBYE_SECONDS = 1


class Outlet(Protocol):
    """The connection that a session writes to."""

    async def send(self, text: bytes) -> None:
        """Send a JSON text; waits while the client takes nothing."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Say why, then end the connection."""
        ...

    def drop(self, code: int, reason: str) -> None:
        """End a connection whose client takes nothing."""
        ...


class Ended(PlatformError):
    """The session must end with this close code."""

    def __init__(self, code: Close, reason: str) -> None:
        self.code, self.reason = code, reason
        super().__init__(reason, hint=f"The connection is closed with {code.value}.")


@dataclass(frozen=True)
class Ending:
    """Why a session ends."""

    code: int
    reason: str


class Session:
    """What one connection reads. It holds places, not messages: nothing queues up."""

    def __init__(self, hub: Hub, principal: Principal, outlet: Outlet) -> None:
        self.principal = principal
        self.ending: Ending | None = None
        self.next_heartbeat = 0.0
        self.sending_since: float | None = None
        self._hub, self._outlet = hub, outlet
        self._subscriptions: dict[str, Subscription] = {}
        self._words: deque[bytes] = deque()
        self._news: asyncio.Future[None] | None = None

    def subscribe(self, channel: str, start: Start, keys: Iterable[str] = ()) -> None:
        """Begin to read a channel; the answer says from where.

        Raises:
            Ended: there is no such channel for this principal, or it is read already.
        """
        ring = self._hub.rings.get(channel)
        # The answer does not tell a forbidden channel from one that does not exist.
        if ring is None or not ring.channel.is_open_to(self.principal):
            raise Ended(Close.FORBIDDEN, f"no channel {channel} is open to you")
        if channel in self._subscriptions:
            raise Ended(Close.SUBSCRIBED_TWICE, f"{channel} is subscribed to already")
        made = Subscription(ring, start, keys)
        self._subscriptions[channel] = made
        self._hub.listen(self, channel)
        place = made.place
        self.say(
            "subscribed",
            channel=channel,
            epoch=place.epoch,
            sequence=place.sequence,
            resumed=made.resumed,
        )

    def unsubscribe(self, channel: str) -> None:
        """Read a channel no more."""
        if self._subscriptions.pop(channel, None):
            self._hub.unlisten(self, channel)
        self.say("unsubscribed", channel=channel)

    def say(self, type: str, **fields: object) -> None:
        """Send something that is no frame, before anything else that waits.

        Raises:
            Ended: the client asks and asks and takes no answer.
        """
        if len(self._words) >= _WAITING_WORDS:
            raise Ended(Close.TOO_MANY, "too many answers wait to be taken")
        self._words.append(control(type, **fields))
        self.wake()

    def say_heartbeat(self, at: datetime) -> None:
        """Say that the connection lives, and where the client may resume from."""
        places = {name: asdict(place) for name, place in self.places.items()}
        self.say("heartbeat", at=at.isoformat(timespec="milliseconds"), places=places)

    def wake(self) -> None:
        """There may be something to send."""
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def end(self, code: int, reason: str) -> None:
        """End the session; one whose client takes nothing is cut off."""
        if self.ending is None:
            self.ending = Ending(code, reason)
            if self.sending_since is not None:
                self._outlet.drop(code, reason)
            self.wake()

    @property
    def depth(self) -> int:
        """Messages of its channels that the client has not been given yet."""
        return sum(one.depth for one in self._subscriptions.values())

    @property
    def places(self) -> dict[str, Place]:
        """Where the client is in each channel."""
        return {name: one.place for name, one in self._subscriptions.items()}

    async def send_all(self) -> None:
        """Send what there is whenever there is something, until the session ends."""
        while self.ending is None:
            try:
                text = self._next_text()
            except Overrun as overrun:
                self.ending = Ending(Close.STALLED, f"fell behind on {overrun}")
                break
            if text is None:
                await self._wait()
            else:
                await self._send(text)
        await self.say_goodbye()

    async def say_goodbye(self) -> None:
        """Tell the client why the session ended, which ends the connection."""
        if self.ending is None:
            return
        code, reason = self.ending.code, self.ending.reason
        try:
            async with asyncio.timeout(_GOODBYE_SECONDS):
                await self._outlet.close(code, reason)
        except TimeoutError:
            self._outlet.drop(code, reason)

    def _next_text(self) -> bytes | None:
        if self._words:
            return self._words.popleft()
        while parts := self._take():
            text = self._hub.frame_of(parts)
            if text is not None:
                return text
        return None

    def _take(self) -> tuple[Span | Own, ...]:
        taken = (one.take() for one in self._subscriptions.values())
        return tuple(part for part in taken if part is not None)

    async def _send(self, text: bytes) -> None:
        self.sending_since = asyncio.get_running_loop().time()
        await self._outlet.send(text)
        self.sending_since = None

    async def _wait(self) -> None:
        self._news = asyncio.get_running_loop().create_future()
        await self._news
        self._news = None
