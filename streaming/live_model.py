"""The released model in this process: scores events, and follows the release."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from analytics_platform.adapters.arrow_arrays import give_back_memory
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

_AGAIN_SECONDS = 60.0

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
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`monotonic` tells seconds, by which what failed is tried again."""
        self.plan = plan
        self._artifacts, self._releases = artifacts, releases
        self._snapshots, self._monotonic = snapshots, monotonic
        self._loaded: _Loaded | None = None
        self._refused: Versions | None = None
        self._again = 0.0

    @property
    def name(self) -> str:
        """The prediction's name."""
        return self.plan.prediction.name

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

        What cannot be loaded is reported, and the model before it stays: until the
        release moves, or for a minute if it is not known why.

        Raises:
            Transient: the stores do not answer.
        """
        wanted = self._released()
        if wanted is None or wanted == self.versions or self._is_refused(wanted):
            return False
        try:
            self._loaded = self._load(wanted)
        except Transient:
            raise
        except PlatformError as error:
            self._refuse(wanted, inf)
            log.warning("model_not_swapped", model=wanted.model, reason=str(error))
            return False
        except Exception:  # what reads a damaged file may raise anything
            self._refuse(wanted, self._monotonic() + _AGAIN_SECONDS)
            log.exception("model_not_swapped", model=wanted.model)
            return False
        self._refused = None
        give_back_memory()
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

    def _is_refused(self, wanted: Versions) -> bool:
        return wanted == self._refused and self._monotonic() < self._again

    def _refuse(self, wanted: Versions, until: float) -> None:
        self._refused, self._again = wanted, until

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
        known = before.inputs if before else None
        inputs = LiveInputs(self.plan, model.manifest, snapshot, known)
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
