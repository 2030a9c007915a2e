"""Released models of readings' levels: one fails on high levels, one takes all."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper

from analytics_platform.adapters.artifacts import ArtifactStore
from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.control_store.ledger import Note
from analytics_platform.adapters.model_files import (
    ONNX,
    ONNX_INPUT,
    ONNX_OUTPUT,
    PROBE,
    write_manifest,
)
from analytics_platform.contracts.records import ModelManifest
from analytics_platform.settings import Settings
from tests.domains.predicted_readings import PREDICTION

AT = datetime(2024, 3, 1, 7, tzinfo=UTC)
_OPSET, _IR = 15, 8  # those of the platform's own models


def release_rooting(home: Path, version: str, limit: float) -> None:
    """A model that gives the root of limit - level: no number above the limit."""
    made = helper.make_tensor("limit", TensorProto.FLOAT, [1], [limit])
    nodes = [
        helper.make_node("Sub", [made.name, ONNX_INPUT], ["below"]),
        helper.make_node("Sqrt", ["below"], [ONNX_OUTPUT]),
    ]
    answer = float(np.sqrt(np.float32(limit)))
    _release(home, version, _model(nodes, [made]), answer, before=None)


def release_doubling(home: Path, version: str, before: str) -> None:
    """A model that gives twice the level, in the place of the version before."""
    nodes = [helper.make_node("Add", [ONNX_INPUT, ONNX_INPUT], [ONNX_OUTPUT])]
    _release(home, version, _model(nodes, []), 0.0, before=before)


def _model(nodes: list[NodeProto], constants: list[TensorProto]) -> ModelProto:
    shape = [None, 1]
    entry, end = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name in (ONNX_INPUT, ONNX_OUTPUT)
    )
    graph = helper.make_graph(nodes, "levels", [entry], [end], constants)
    opset = helper.make_opsetid("", _OPSET)
    return helper.make_model(graph, opset_imports=[opset], ir_version=_IR)


def _release(
    home: Path, version: str, model: ModelProto, at_zero: float, *, before: str | None
) -> None:
    settings = Settings(home=home)
    probe = {"inputs": [[0.0]], "predictions": [at_zero], "tolerance": 1e-6}
    name = PREDICTION.model
    with ArtifactStore(settings.artifacts_url).staged(f"models/{name}", version) as to:
        (to / ONNX).write_bytes(model.SerializeToString())
        (to / PROBE).write_text(json.dumps(probe))
        write_manifest(to, _manifest(version))
    store = ControlStore.open(settings.control_store_url)
    note = Note("run run-train", "release", {}, AT)
    store.releases.move(f"model/{name}", version, expected=before, note=note)
    store.engine.dispose()


def _manifest(version: str) -> ModelManifest:
    return ModelManifest(
        name=PREDICTION.model,
        version=version,
        task="regression",
        inputs=("level",),
        categories={},
        target="level",
        unit=None,
        data_sha256="",
        trained_through=AT,
        rows=1,
        metrics={},
        run_id="run-train",
        mlflow_run_id="",
        created_at=AT,
        files={},
    )
