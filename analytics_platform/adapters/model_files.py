"""A model as files: LightGBM text, ONNX, golden probe, evaluation and plots."""

import hashlib
import json
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

from analytics_platform.contracts.evaluation import Evaluation, Task
from analytics_platform.contracts.records import ModelManifest
from analytics_platform.errors import DamagedRecord

if TYPE_CHECKING:  # a code location loads this module and must not pay for these
    import pyarrow as pa
    from onnx import GraphProto, ModelProto

    from analytics_platform.core.training.encoding import Floats, Targets

TEXT, ONNX, EVALUATION, PROBE = "model.txt", "model.onnx", "metrics.json", "probe.json"
MANIFEST = "manifest.json"
ONNX_INPUT, ONNX_OUTPUT = "inputs", "prediction"

# ONNX sums float32 leaves, LightGBM float64 ones: measured, they differ by 4e-5 on
# predictions of some hundred minutes. Relative above 1.
TOLERANCE = 2e-4
_OPSET = 15
_PROBE_ROWS = 64


@dataclass(frozen=True)
class StoredModel:
    """A model read back from its folder; predicts with ONNX, as it is served."""

    folder: Path
    manifest: ModelManifest

    def predict(self, table: "pa.Table") -> "Targets":
        """Predictions for rows (n) that have the manifest's input columns."""
        from analytics_platform.core.training.encoding import encode

        manifest = self.manifest
        inputs = encode(table, manifest.inputs, manifest.categories)
        return predict_onnx((self.folder / ONNX).read_bytes(), inputs)

    @property
    def text(self) -> str:
        """LightGBM's text."""
        return (self.folder / TEXT).read_text()

    @property
    def evaluation(self) -> Evaluation:
        """Its quality when it was trained."""
        return Evaluation.model_validate_json((self.folder / EVALUATION).read_bytes())


def read_model(folder: Path) -> StoredModel:
    """The model in `folder`, its files checked against the manifest's hashes.

    Raises:
        DamagedRecord: a file is missing or is not what was published.
    """
    manifest = ModelManifest.model_validate_json((folder / MANIFEST).read_bytes())
    for name, expected in manifest.files.items():
        path = folder / name
        if not path.is_file() or sha256_of(path) != expected:
            raise DamagedRecord(
                f"The file {name} of model {manifest.name} {manifest.version} is not "
                "what was published.",
                hint="Train again, or roll back: `analytics models rollback "
                f"{manifest.name}`.",
            )
    return StoredModel(folder, manifest)


def write_model(
    folder: Path, text: str, onnx: "ModelProto", evaluation: Evaluation
) -> None:
    """Write the model in both forms, and its quality."""
    (folder / TEXT).write_text(text)
    (folder / ONNX).write_bytes(onnx.SerializeToString())
    (folder / EVALUATION).write_text(evaluation.model_dump_json(indent=2))


def write_manifest(folder: Path, manifest: ModelManifest) -> ModelManifest:
    """Write the manifest with the hashes of all files beside it; last, as a proof."""
    files = {path.name: sha256_of(path) for path in sorted(folder.iterdir())}
    complete = manifest.model_copy(update={"files": files})
    (folder / MANIFEST).write_text(complete.model_dump_json(indent=2))
    return complete


def write_probe(folder: Path, text: str, inputs: "Floats") -> None:
    """Keep some encoded rows (n x k, null for missing) with LightGBM's predictions.

    One more row has every input missing. Whoever loads the model elsewhere predicts
    these first.
    """
    import numpy as np

    from analytics_platform.core.training.boosting import predict

    chosen = inputs[:: max(1, len(inputs) // _PROBE_ROWS)][:_PROBE_ROWS]
    chosen = np.vstack([chosen, np.full_like(chosen[:1], np.nan)])
    rows = chosen.tolist()
    probe = {
        "inputs": [[None if isnan(cell) else cell for cell in row] for row in rows],
        "predictions": predict(text, chosen, threads=1).tolist(),
        "tolerance": TOLERANCE,
    }
    (folder / PROBE).write_text(json.dumps(probe))


def convert_to_onnx(text: str, task: Task, width: int) -> "ModelProto":
    """The text model as ONNX: `inputs` (n x width) to `prediction` (n x 1), float32.

    A classifier gives the probability of its positive class and no label: the
    converter declares the label's shape wrongly, and runtimes warn at every call.
    """
    import onnx
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    from analytics_platform.core.training.boosting import booster_of

    declared = [(ONNX_INPUT, FloatTensorType([None, width]))]
    options = {} if task == "regression" else {"zipmap": False}
    model: ModelProto = convert_lightgbm(
        booster_of(text), initial_types=declared, target_opset=_OPSET, **options
    )
    _name_output(model.graph, task)
    onnx.checker.check_model(model)
    return model


def predict_onnx(model: bytes, inputs: "Floats") -> "Targets":
    """Predictions (n) for encoded inputs (n x k), in one thread."""
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options)
    found = session.run([ONNX_OUTPUT], {ONNX_INPUT: inputs})[0]
    return np.asarray(found, dtype=np.float64)[:, 0]


def disagreement(onnx: "Targets", text: "Targets") -> "Targets":
    """|difference| per row (n), relative where the prediction is above 1."""
    import numpy as np

    return np.abs(onnx - text) / np.maximum(1.0, np.abs(text))


def sha256_of(path: Path) -> str:
    """A file's hash."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _name_output(graph: "GraphProto", task: Task) -> None:
    """Make `prediction` (n x 1) the graph's only output."""
    from onnx import TensorProto, helper

    source = graph.output[-1].name
    if task == "regression":
        node = helper.make_node("Identity", [source], [ONNX_OUTPUT])
    else:
        positive = helper.make_tensor("positive_class", TensorProto.INT64, [1], [1])
        graph.initializer.append(positive)
        node = helper.make_node(
            "Gather", [source, positive.name], [ONNX_OUTPUT], axis=1
        )
    graph.node.append(node)
    del graph.output[:]
    shape = [None, 1]
    graph.output.append(
        helper.make_tensor_value_info(ONNX_OUTPUT, TensorProto.FLOAT, shape)
    )
