"""What a working sidecar measures of itself, and when it is well."""

import time

from analytics_platform.clock import Clock
from streaming.app import Probe
from streaming.driver import Driver
from streaming.kafka import EventConsumer
from streaming.metrics import StreamMetrics
from streaming.outgoing import Tally
from streaming.topic_work import TopicWork

_EVERY_SECONDS = 1.0
_AWAY_SECONDS = 10.0
_REST_EVENTS = 100


class Gauges:
    """Fills the metrics once a second, and answers the health probes."""

    def __init__(self, metrics: StreamMetrics, clock: Clock) -> None:
        self._metrics, self._clock = metrics, clock
        self._consumer: EventConsumer | None = None
        self._looked = 0.0
        self._polled = time.monotonic()
        self._owned = False
        self._recent = 0

    def watch(self, consumer: EventConsumer) -> None:
        """Read this consumer's progress."""
        self._consumer = consumer

    def measure(self, driver: Driver) -> None:
        """Note the figures of this moment, once a second."""
        self._polled = time.monotonic()
        for topic, events in driver.counts.items():
            self._metrics.events.labels(topic).inc(events)
            self._recent += events
        driver.counts.clear()
        for seconds in driver.commit_seconds:
            self._metrics.commit.observe(seconds)
        driver.commit_seconds.clear()
        for topic, tally in driver.tallies:
            self._count(topic, tally)
        driver.tallies.clear()
        if time.monotonic() - self._looked < _EVERY_SECONDS:
            return
        self._looked, self._recent = time.monotonic(), 0
        self._measure_partitions(driver)
        for name, size in driver.upkeep.sizes.items():
            self._metrics.state_bytes.labels(name).set(size)

    def is_at_rest(self) -> bool:
        """Whether little enough comes for a pause not to be felt."""
        return self._recent < _REST_EVENTS

    def live_probes(self) -> dict[str, Probe]:
        """What must hold, or the process should be restarted."""
        return {"consumer": self._polling}

    def ready_probes(self) -> dict[str, Probe]:
        """What must hold for the process to get new clients."""
        return {"broker": self._broker, "partitions": self._partitions}

    def _polling(self) -> str | None:
        silent = time.monotonic() - self._polled
        return f"nothing was polled for {silent:.0f} s" if silent > 60 else None

    def _broker(self) -> str | None:
        since = self._consumer.away_since if self._consumer else None
        if since is None or time.monotonic() - since < _AWAY_SECONDS:
            return None
        return f"the broker has not answered for {time.monotonic() - since:.0f} s"

    def _partitions(self) -> str | None:
        return None if self._owned else "no partition was assigned yet"

    def _measure_partitions(self, driver: Driver) -> None:
        progress = self._consumer.progress() if self._consumer else {}
        now = self._clock.now().timestamp()
        self._metrics.clock.set(now)
        # Partitions that went to another process are its to tell of.
        self._metrics.lag.clear()
        self._metrics.watermark_delay.clear()
        self._owned = self._owned or bool(progress)
        for where, found in progress.items():
            labels = (where.topic, str(where.partition))
            self._metrics.lag.labels(*labels).set(found.lag)
        for topic, work in driver.works.items():
            self._metrics.state_keys.labels(topic).set(len(work.pipeline.keys))
            self._measure_watermarks(topic, work, now)

    def _measure_watermarks(self, topic: str, work: TopicWork, now: float) -> None:
        """How far each partition's watermark is behind: of its windows the latest."""
        engines = [stage.engine for stage in work.pipeline.windows]
        for partition in work.partitions:
            found = [one.partition_watermark(partition) for one in engines]
            marks = [mark for mark in found if mark is not None]
            if marks:
                delay = self._metrics.watermark_delay.labels(topic, str(partition))
                delay.set(now - min(marks) / 1000)

    def _count(self, topic: str, tally: Tally) -> None:
        for window, number in tally.windows.items():
            self._metrics.windows.labels(window).inc(number)
        for prediction, number in tally.predictions.items():
            self._metrics.predictions.labels(prediction).inc(number)
        for labels, number in tally.late.items():
            self._metrics.late_events.labels(*labels).inc(number)
        for window, number in tally.missed.items():
            self._metrics.late_updates.labels(window).inc(number)
        for prediction, number in tally.unpredicted.items():
            self._metrics.unpredicted.labels(prediction).inc(number)
        for error, number in tally.letters.items():
            self._metrics.dead_letters.labels(topic, error).inc(number)
