"""The status channel: what the live page shows of a process beside its results."""

import asyncio

from prometheus_client.metrics import MetricWrapperBase

from analytics_platform.observability import get_logger
from streaming.fanout import Publisher
from streaming.hub.channels import Kind, channel
from streaming.metrics import StreamMetrics

log = get_logger(__name__)

STATUS = channel("status", "Status", Kind.STATUS)
_EVERY_SECONDS = 1.0


class StatusReport:
    """Publishes the most telling figures of a process, under its name."""

    def __init__(
        self, publisher: Publisher, metrics: StreamMetrics, *, name: str
    ) -> None:
        self._publisher, self._metrics, self._name = publisher, metrics, name

    def now(self) -> dict[str, float]:
        """The figures of this moment; counts are totals since the process began.

        The platform's time and how far results are behind it are left out until both
        were measured.
        """
        metrics = self._metrics
        delays = _values(metrics.watermark_delay)
        times = {
            "clock_ms": 1000 * max(_values(metrics.clock)),
            "watermark_delay_seconds": max(delays, default=0),
        }
        return (times if delays else {}) | {
            "events": sum(_values(metrics.events)),
            "late_events": sum(_values(metrics.late_events)),
            "late_window_updates": sum(_values(metrics.late_updates)),
            "dead_letters": sum(_values(metrics.dead_letters)),
            "lag": sum(_values(metrics.lag)),
            "state_bytes": sum(_values(metrics.state_bytes)),
        }

    async def run(self) -> None:
        """Publish once a second until cancelled."""
        while True:
            self._publisher.publish(STATUS.name, {**self.now()}, key=self._name)
            await asyncio.sleep(_EVERY_SECONDS)


def _values(metric: MetricWrapperBase) -> list[float]:
    return [
        sample.value
        for family in metric.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
    ]
