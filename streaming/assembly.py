"""What a sidecar is made of, put together from settings and declarations."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from analytics_platform.adapters.artifacts import ArtifactStore
from analytics_platform.adapters.brokers import Broker
from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.prediction_log import PredictionLog
from analytics_platform.adapters.snapshots import SnapshotStore
from analytics_platform.adapters.topic import Topics
from analytics_platform.contracts.domain import Domain
from analytics_platform.contracts.streams import EventStream
from analytics_platform.errors import InvalidUsage, Unavailable
from analytics_platform.settings import Settings, StreamingSettings
from streaming import key_index, record_kernels
from streaming.checkpoints.store import CheckpointStore
from streaming.checkpoints.values import Cluster, Source
from streaming.definitions import CompiledWindow, compile_windows
from streaming.hub.channels import Channel, Kind, channel
from streaming.live_inputs import InputPlan
from streaming.live_model import LiveModel
from streaming.membership import ConsumerOptions
from streaming.outgoing import (
    DEAD_LETTER_CHANNEL,
    LATE_CHANNEL,
    Outlet,
    prediction_channel,
    window_channel,
)
from streaming.pipeline import Pipeline
from streaming.timed_prediction import Observed, TimedPredictor
from streaming.topic_work import TopicWork
from streaming.window_stage import WindowStage
from streaming.windows.compilation import Kernels
from streaming.windows.warming import warmed

_HEARTBEATS = 10  # in a session time, so that a few may be lost


@dataclass(frozen=True)
class Stores:
    """What the platform keeps and the sidecar reads, and where predictions go."""

    control: ControlStore
    artifacts: ArtifactStore
    snapshots: SnapshotStore
    predictions: PredictionLog

    @classmethod
    def open(cls, settings: Settings) -> "Stores":
        """The stores that the settings name."""
        control = ControlStore.open(settings.control_store_url)
        cache = settings.home / "cache" / "artifacts"
        artifacts = ArtifactStore(settings.artifacts_url, cache=cache)
        snapshots = SnapshotStore(artifacts, control, settings.snapshots)
        return cls(control, artifacts, snapshots, PredictionLog(control.engine))

    def windows(self, domain: Domain) -> tuple[CompiledWindow, ...] | None:
        """The live windows by the published metrics; None before the first snapshot."""
        snapshot = self.snapshots.current()
        if snapshot is None:
            return None
        manifest: dict[str, Any] = json.loads(snapshot.semantic_manifest.read_bytes())
        return compile_windows(domain, manifest)

    def models(self, domain: Domain) -> list[LiveModel]:
        """The live predictions' models, each loaded if it is released."""
        found = [
            LiveModel(
                InputPlan.of(domain, one),
                self.artifacts,
                self.control.releases,
                self.snapshots,
            )
            for one in domain.live_predictions
        ]
        for model in found:
            model.refresh()
        return found


def open_checkpoints(settings: Settings) -> CheckpointStore:
    """The store of the stream's state."""
    most = settings.streaming.pending_megabytes << 20
    return CheckpointStore.open(settings.stream_state_url, most_pending_bytes=most)


def topics_of(domain: Domain) -> dict[str, EventStream]:
    """The topics of the domain's streams.

    Raises:
        InvalidUsage: it declares none.
    """
    found = {topic.name: stream for stream in domain.streams for topic in stream.topics}
    if not found:
        raise InvalidUsage(
            f"The domain {domain.name!r} declares no streams.",
            hint="Declare `streams` and `live_windows` (docs/streaming.md).",
        )
    return found


def create_topics(broker: Broker, domain: Domain, partitions: int) -> Cluster:
    """Make the topics that are not there, results' and dead letters' too.

    They have so many `partitions` unless they are declared otherwise.

    Raises:
        Unavailable: the broker is away, or does not know its own topics yet.
    """
    topics = Topics(broker)
    declared = {
        topic.name: topic.partitions or partitions
        for stream in domain.streams
        for topic in stream.topics
    }
    for name in topics_of(domain):
        if topics.partitions(name) is None:
            topics.create(name, declared[name])
        count = topics.partitions(name)
        if count is None:
            raise Unavailable(
                f"The broker does not show the topic {name} yet.",
                hint="One that has only just started needs a moment.",
            )
        for outlet in (Outlet.RESULTS, Outlet.PREDICTIONS):
            if topics.partitions(outlet.topic(name)) is None:
                topics.create(outlet.topic(name), count)
        topics.create_dead_letters(name)
    embedded = broker.embedded is not None
    return Cluster(topics.cluster_id(), embedded=embedded, is_new=False)


def build_works(
    domain: Domain,
    cluster: str,
    parts: "Parts",
    kernels: Kernels,
) -> dict[str, TopicWork]:
    """The work of each topic."""
    found = {}
    for topic, stream in topics_of(domain).items():
        stages = [
            WindowStage(one, kernels)
            for one in parts.windows
            if one.topic.name == topic
        ]
        predictors = [
            TimedPredictor(one.plan.prediction.model, one, parts.predicted)
            for one in parts.models
            if _topic_of(one, stream) == topic
        ]
        pipeline = Pipeline(stream, topic, stages, predictors)
        found[topic] = TopicWork(Source(cluster, topic), pipeline)
    return found


def warm_up(
    settings: Settings, domain: Domain, cluster: str, parts: "Parts"
) -> dict[str, TopicWork]:
    """The works, with kernels that need no compiling any more."""
    record_kernels.compile_kernels()
    key_index.compile_kernels()
    return build_works(domain, cluster, parts, warmed(settings.kernels_path))


@dataclass(frozen=True)
class Parts:
    """What works on events: live windows and models; `predicted` is told each call."""

    windows: Sequence[CompiledWindow]
    models: Sequence[LiveModel]
    predicted: Observed = lambda _model, _seconds: None


def channels_of(domain: Domain, windows: Sequence[CompiledWindow]) -> list[Channel]:
    """A channel for each live window and prediction, and for what went wrong."""
    found = [
        channel(window_channel(one.name), one.declared.description, Kind.WINDOW)
        for one in windows
    ]
    found += [
        channel(prediction_channel(one.name), one.description, Kind.PREDICTION)
        for one in domain.live_predictions
    ]
    late = channel(LATE_CHANNEL, "Events that came too late", Kind.EVENT)
    letters = channel(DEAD_LETTER_CHANNEL, "Records set aside", Kind.EVENT)
    return [*found, late, letters]


def consumer_options(
    broker: Broker, topics: Sequence[str], settings: StreamingSettings
) -> ConsumerOptions:
    """How the sidecar reads."""
    return ConsumerOptions(
        bootstrap=broker.bootstrap,
        group=settings.group,
        topics=tuple(topics),
        instance=settings.member,
        session_ms=round(settings.session_seconds * 1000),
        heartbeat_ms=round(settings.session_seconds * 1000 / _HEARTBEATS),
        stall_seconds=settings.stall_seconds,
    )


def _topic_of(model: LiveModel, stream: EventStream) -> str | None:
    """The topic whose events a model predicts for: the one keyed like it."""
    declared = model.plan.prediction
    if declared.stream != stream.name:
        return None
    return (stream.topic_by(declared.key) or stream.topics[0]).name
