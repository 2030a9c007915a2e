"""The released model in this process: scores events, and follows the release."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from analytics_platform.adapters.artifacts import ArtifactStore
from analytics_platform.adapters.control_store.releases import Releases
from analytics_platform.adapters.model_files import (
    ONNX,
    ONNX_INPUT,
    ONNX_OUTPUT,
    PROBE,
    disagreement,
    read_model,
)
from analytics_platform.adapters.snapshots import SUBJECT, SnapshotStore
from analytics_platform.contracts.messages import Prediction
from analytics_platform.contracts.records import ModelManifest
from analytics_platform.errors import DamagedRecord, PlatformError, Transient
from analytics_platform.observability import get_logger
from streaming.decoding import Columns
from streaming.live_inputs import Floats, InputPlan, LiveInputs

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

log = get_logger(__name__)

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Versions:
    """What is current: the model's version and the snapshot's."""

    model: str
    snapshot: str


class _Probe(BaseModel):
    """Encoded rows and what the model answers to them."""

    inputs: list[list[float | None]]
    predictions: list[float]
    tolerance: float


@dataclass(frozen=True, eq=False)
class OnnxModel:
    """A model's ONNX form, in one thread; it gave the answers of its golden probe."""

    manifest: ModelManifest
    session: "InferenceSession"

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The published model in a folder.

        Raises:
            DamagedRecord: a file is not what was published, or the model does not
                give the answers of its probe.
        """
        import onnxruntime

        stored = read_model(folder)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        content = (folder / ONNX).read_bytes()
        model = cls(
            stored.manifest, onnxruntime.InferenceSession(content, sess_options=options)
        )
        model._check(_Probe.model_validate_json((folder / PROBE).read_bytes()))
        return model

    def predict(self, inputs: Floats) -> Numbers:
        """Predictions (n) for inputs (n x k)."""
        found = self.session.run([ONNX_OUTPUT], {ONNX_INPUT: inputs})[0]
        return np.asarray(found, dtype=np.float64)[:, 0]

    def _check(self, probe: _Probe) -> None:
        inputs = np.array(probe.inputs, dtype=np.float32)  # null becomes NaN
        expected = np.array(probe.predictions, dtype=np.float64)
        worst = float(disagreement(self.predict(inputs), expected).max())
        if not worst <= probe.tolerance:
            raise DamagedRecord(
                f"The model {self.manifest.name} {self.manifest.version} differs from "
                f"its golden probe by {worst:.2g}.",
                hint="Train again, or roll back: `analytics models rollback "
                f"{self.manifest.name}`.",
            )


@dataclass(frozen=True, eq=False)
class _Loaded:
    """A model and its inputs, made for each other."""

    versions: Versions
    model: OnnxModel
    inputs: LiveInputs


class LiveModel:
    """Predictions by whichever version is released.

    `refresh` may run in another thread than `predict`: what it loads takes effect at
    once, by one reference.
    """

    def __init__(
        self,
        plan: InputPlan,
        artifacts: ArtifactStore,
        releases: Releases,
        snapshots: SnapshotStore,
        *,
        on_swap: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_swap` is called after each swap, such as to freeze the collector."""
        self.plan = plan
        self._artifacts, self._releases = artifacts, releases
        self._snapshots, self._on_swap = snapshots, on_swap
        self._loaded: _Loaded | None = None
        self._refused: Versions | None = None

    @property
    def kind(self) -> str:
        """The kind of events that it predicts for."""
        return self.plan.prediction.kind

    @property
    def fields(self) -> frozenset[str]:
        """The fields of an event that it reads."""
        return self.plan.fields

    @property
    def versions(self) -> Versions | None:
        """What predictions are made with now; None before the first release."""
        return self._loaded.versions if self._loaded else None

    def refresh(self) -> bool:
        """Load what is released, if that has moved; True if it took effect.

        What cannot be loaded is reported once, and the model before it stays.
        """
        wanted = self._released()
        if wanted is None or wanted in (self.versions, self._refused):
            return False
        try:
            loaded = self._load(wanted)
        except Transient:
            raise
        except PlatformError as error:
            self._refused = wanted
            log.warning("model_not_swapped", model=wanted.model, reason=str(error))
            return False
        self._loaded, self._refused = loaded, None
        self._on_swap()
        log.info("model_swapped", model=wanted.model, snapshot=wanted.snapshot)
        return True

    def predict(self, events: Columns) -> list[Prediction]:
        """One prediction for each of n events; none before the first release."""
        loaded = self._loaded
        if loaded is None or not len(events):
            return []
        inputs = loaded.inputs.matrix(events)
        values = loaded.model.predict(inputs)
        return self._messages(loaded, events, inputs, values)

    def _released(self) -> Versions | None:
        model = self._releases.current(f"model/{self.plan.prediction.model}")
        snapshot = self._releases.current(SUBJECT)
        if model is None or snapshot is None:
            return None
        return Versions(model.version, snapshot.version)

    def _load(self, wanted: Versions) -> _Loaded:
        before = self._loaded
        if before and before.versions.model == wanted.model:
            model = before.model
        else:
            name = f"models/{self.plan.prediction.model}"
            model = OnnxModel.load(self._artifacts.local_path(name, wanted.model))
        snapshot = self._snapshots.snapshot(wanted.snapshot)
        inputs = LiveInputs(self.plan, model.manifest, snapshot)
        return _Loaded(wanted, model, inputs)

    def _messages(
        self, loaded: _Loaded, events: Columns, inputs: Floats, values: Numbers
    ) -> list[Prediction]:
        declared, stream = self.plan.prediction, events.decoder.stream
        rows = zip(
            events.items(stream.id_field),
            events.items(declared.key),
            events.items(stream.time_field),
            values.tolist(),
            inputs,
            strict=True,
        )
        return [
            Prediction.model_construct(
                prediction_id=_id(declared.name, loaded.versions.model, event_id),
                prediction=declared.name,
                model=declared.model,
                version=loaded.versions.model,
                snapshot=loaded.versions.snapshot,
                event_id=event_id,
                key=key,
                event_ms=event_ms,
                value=value,
                unit=loaded.model.manifest.unit,
                features_sha256=hashlib.sha256(row.tobytes()).hexdigest(),
            )
            for event_id, key, event_ms, value, row in rows
        ]


def _id(prediction: str, version: str, event_id: str) -> str:
    text = f"{prediction}\n{version}\n{event_id}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]
