"""Sends what was committed to its topics, and notes what has arrived."""

import asyncio
from collections.abc import Callable, Iterable

from analytics_platform.adapters.prediction_log import PredictionLog
from analytics_platform.adapters.topic import OutgoingRecord, SameHeaders
from analytics_platform.clock import Clock
from analytics_platform.contracts.messages import Prediction
from analytics_platform.errors import Transient, Unavailable
from analytics_platform.observability import get_logger
from streaming.checkpoints.messages import (
    Lines,
    Message,
    decode_messages,
    decode_output,
    traced,
)
from streaming.checkpoints.values import OutputId, PendingOutput
from streaming.outgoing import Outlet
from streaming.output import Output

log = get_logger(__name__)

_PAUSE_SECONDS = 1.0
# What comes within this time is sent together: noting arrivals and logging predictions
# take a transaction each, however many they are.
_REST_SECONDS = 0.05
_AT_ONCE = 100  # outputs, each of many messages


class Delivery:
    """Delivers committed outputs in order; after a crash, those not noted again.

    A repeat has the same key and value; a logged prediction is there once.
    """

    def __init__(
        self,
        output: Output,
        delivered: Callable[[list[OutputId]], None],
        predictions: PredictionLog,
        clock: Clock,
    ) -> None:
        """`delivered` is told what has arrived."""
        self._output, self._delivered = output, delivered
        self._predictions, self._clock = predictions, clock
        self._waiting: list[tuple[str, PendingOutput]] = []
        self._news = asyncio.Event()

    def add(self, events: str, outputs: Iterable[PendingOutput]) -> None:
        """Let outputs be sent that belong to a topic of events."""
        self._waiting += [(events, one) for one in outputs]
        if self._waiting:
            self._news.set()

    async def run(self) -> None:
        """Send until cancelled; while the broker is away, wait and try again."""
        while True:
            await self._news.wait()
            self._news.clear()
            await self.send_all()
            await asyncio.sleep(_REST_SECONDS)

    async def send_all(self) -> None:
        """Send everything that waits now; what arrives before a cancel is noted."""
        left = len(self._waiting)
        while left:
            batch = self._waiting[: min(left, _AT_ONCE)]
            await self._send_patiently(batch)
            del self._waiting[: len(batch)]
            self._delivered([one.id for _, one in batch])
            left -= len(batch)

    async def _send_patiently(self, batch: list[tuple[str, PendingOutput]]) -> None:
        while True:
            try:
                await self._log_predictions(batch)
                for events, one in batch:
                    await self._send(events, one)
                await self._arrival()
            except Transient as error:
                log.warning("delivery_awaited", error=str(error), outputs=len(batch))
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                return

    async def _arrival(self) -> None:
        """Wait as long as it takes: what is underway is not to be sent twice."""
        while True:
            try:
                return await self._output.flush()
            except Unavailable as error:
                log.warning("delivery_awaited", error=str(error))

    async def _log_predictions(self, batch: list[tuple[str, PendingOutput]]) -> None:
        """Log the predictions of all outputs in one transaction."""
        made = [
            Prediction.model_validate_json(message.value or b"")
            for _, one in batch
            if one.output.kind == Outlet.PREDICTIONS
            for message in decode_messages(one.output.body)
        ]
        if made:
            now = self._clock.now()
            await asyncio.to_thread(self._predictions.append, made, now)

    async def _send(self, events: str, pending: PendingOutput) -> None:
        topic = Outlet(pending.output.kind).topic(events)
        found = decode_output(pending.output.body)
        if isinstance(found, Lines):
            await self._send_lines(topic, found)
            return
        await self._output.send(topic, [_record(one) for one in found])

    async def _send_lines(self, topic: str, lines: Lines) -> None:
        first = 0
        for trace, count in lines.traces:
            rows = slice(first, first + count)
            first += count
            same = SameHeaders(lines.keys[rows], lines.values[rows], traced(trace))
            await self._output.send_many(topic, same)


def _record(message: Message) -> OutgoingRecord:
    return OutgoingRecord(message.value, message.key, message.headers)
