"""The sidecar's Prometheus metrics; docs/streaming.md lists every one of them."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from streaming.hub.channels import Channel
from streaming.push import Push

PREFIX = "analytics_stream"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# From under a tick of the hub to where somebody should be woken up.
_LATENCY = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1, 2, 5, 30)
_PAUSE = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


class StreamMetrics:
    """Every metric of one process, in a registry of its own.

    Whoever takes a measure sets it here: `metrics.events.labels("orders").inc(500)`.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._register_input()
        self._register_state()
        self._register_times()

    def _register_input(self) -> None:
        self.events = self._counter("events", "Events taken in.", "topic")
        self.late_events = self._counter(
            "late_events", "Events that reached no window.", "window", "reason"
        )
        self.late_updates = self._counter(
            "late_window_updates", "Windows that a late event missed.", "window"
        )
        self.dead_letters = self._counter(
            "dead_letters", "Records set aside, by error class.", "topic", "reason"
        )
        self.lag = self._gauge(
            "consumer_lag_records",
            "Records of a partition not yet taken in; scale out on its sum.",
            "topic",
            "partition",
        )
        self.watermark_delay = self._gauge(
            "watermark_delay_seconds",
            "By how much a partition's watermark is behind the platform's clock.",
            "topic",
            "partition",
        )
        self.clock = self._gauge(
            "clock_seconds", "The platform's time, in seconds since 1970 in UTC."
        )

    def _register_state(self) -> None:
        self.windows = self._counter(
            "windows", "Window results, corrections included.", "window"
        )
        self.predictions = self._counter(
            "predictions", "Predictions made.", "prediction"
        )
        self.unpredicted = self._counter(
            "unpredicted_events",
            "Events a broken model was not asked of.",
            "prediction",
        )
        self.state_bytes = self._gauge(
            "state_bytes", "Size of a window's stored state.", "window"
        )
        self.state_keys = self._gauge("state_keys", "Keys held in state.", "topic")

    def _register_times(self) -> None:
        self.latency = ManyHistogram(
            f"{PREFIX}_end_to_end_latency_seconds",
            "From the send of the causing record to the hub's handing it out.",
            _LATENCY,
            "channel",
        )
        self.registry.register(self.latency)
        self.commit = self._histogram(
            "commit_seconds", "Committing results, state and offsets.", _LATENCY
        )
        self.prediction = self._histogram(
            "prediction_seconds", "One prediction, in process.", _LATENCY, "model"
        )
        self.collector_pause = self._histogram(
            "collector_pause_seconds",
            "The garbage collector's pauses, by generation.",
            _PAUSE,
            "generation",
        )

    def observe_latency(self, channel: Channel, seconds: float, messages: int) -> None:
        """Count messages that were handed out `seconds` after their cause was sent."""
        self.latency.observe(channel.name, max(0.0, seconds), messages)

    def observe_prediction(self, model: str, seconds: float) -> None:
        """Count a call of a model."""
        self.prediction.labels(model).observe(seconds)

    def watch_push(self, push: Push) -> None:
        """Show the hub's figures too, as they are when somebody asks."""
        self.registry.register(_PushCollector(push))

    def text(self) -> tuple[bytes, str]:
        """Everything in Prometheus' text format, and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE

    def _counter(self, name: str, help: str, *labels: str) -> Counter:
        return Counter(f"{PREFIX}_{name}", help, labels, registry=self.registry)

    def _gauge(self, name: str, help: str, *labels: str) -> Gauge:
        return Gauge(f"{PREFIX}_{name}", help, labels, registry=self.registry)

    def _histogram(
        self, name: str, help: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(
            f"{PREFIX}_{name}", help, labels, buckets=buckets, registry=self.registry
        )


class ManyHistogram(Collector):
    """A histogram by one label that takes many equal values at once."""

    def __init__(
        self, name: str, help: str, bounds: Sequence[float], label: str
    ) -> None:
        self._name, self._help, self._label = name, help, label
        self._bounds = (*bounds, float("inf"))
        self._counts: dict[str, list[int]] = {}
        self._sums: defaultdict[str, float] = defaultdict(float)

    def observe(self, label: str, value: float, count: int) -> None:
        """Count `count` times the same value."""
        counts = self._counts.setdefault(label, [0] * len(self._bounds))
        counts[bisect_left(self._bounds, value)] += count
        self._sums[label] += value * count

    def collect(self) -> Iterator[Metric]:
        """The counts of this moment."""
        family = HistogramMetricFamily(self._name, self._help, labels=[self._label])
        for label, counts in self._counts.items():
            buckets = zip(
                map(floatToGoString, self._bounds), accumulate(counts), strict=True
            )
            family.add_metric([label], list(buckets), self._sums[label])
        yield family


class _PushCollector(Collector):
    """Reads the hub when asked, so that pushing a message counts nothing twice."""

    def __init__(self, push: Push) -> None:
        self._push = push

    def describe(self) -> Iterator[Metric]:
        """The same metrics, for the registry to see that their names are free."""
        return self.collect()

    def collect(self) -> Iterator[Metric]:
        """The figures of this moment."""
        push = self._push
        sessions = push.warden.sessions
        yield GaugeMetricFamily(
            f"{PREFIX}_clients", "Clients that are connected.", value=len(sessions)
        )
        yield GaugeMetricFamily(
            f"{PREFIX}_queue_depth",
            "Messages that the client furthest behind was not given yet.",
            value=max((one.depth for one in sessions), default=0),
        )
        messages = CounterMetricFamily(
            f"{PREFIX}_messages", "Messages pushed.", labels=["channel"]
        )
        kept = GaugeMetricFamily(
            f"{PREFIX}_kept_bytes", "Messages kept for readers.", labels=["channel"]
        )
        for name, ring in push.hub.rings.items():
            messages.add_metric([name], push.hub.published[name])
            kept.add_metric([name], ring.bytes)
        ended = CounterMetricFamily(
            f"{PREFIX}_closed_clients", "Clients that were closed.", labels=["code"]
        )
        for code, count in sorted(push.warden.ended.items()):
            ended.add_metric([str(code)], count)
        yield from (messages, kept, ended)
