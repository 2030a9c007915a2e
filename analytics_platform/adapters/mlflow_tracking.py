"""MLflow's record of runs and model versions; a projection, never the truth."""

import logging
import os
import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from analytics_platform.adapters.mlflow_runs import end_abandoned, owner_tags
from analytics_platform.adapters.mlflow_store import create_store
from analytics_platform.contracts.evaluation import Evaluation
from analytics_platform.contracts.records import ModelManifest
from analytics_platform.settings import Settings

if TYPE_CHECKING:  # a code location loads this module and must not pay for these
    from mlflow import MlflowClient

_MODEL = "model"  # the run's folder that holds the model in MLflow's own layout
_VERSION_TAG = "version"
RUN_TAG = "dagster_run_id"


@dataclass(frozen=True)
class LoggedRun:
    """What one training run leaves in MLflow."""

    manifest: ModelManifest
    evaluation: Evaluation
    parameters: Mapping[str, float | int | str]


@dataclass(frozen=True)
class MlflowTracking:
    """Experiments, runs and registered models at the settings' tracking URI."""

    settings: Settings

    def create(self) -> None:
        """Make the tables of an embedded store that has none (two seconds)."""
        self._client()

    def start(self, name: str, dagster_run_id: str) -> str:
        """Open a run of the model's experiment, tagged with Dagster's; gives its id.

        Runs that killed processes left open in the experiment are ended.
        """
        client = self._client()
        found = client.get_experiment_by_name(name)
        experiment = found.experiment_id if found else self._experiment(client, name)
        end_abandoned(client, experiment)
        tags = {RUN_TAG: dagster_run_id, **owner_tags()}
        run = client.create_run(experiment, tags=tags)
        return str(run.info.run_id)

    def finish(self, run_id: str, logged: LoggedRun, folder: Path) -> None:
        """Log the run and the model's files in `folder`, and end it."""
        from mlflow.entities import Metric, Param, RunTag

        client = self._client()
        manifest = logged.manifest
        parameters = {**logged.parameters, "inputs": len(manifest.inputs)}
        client.log_batch(
            run_id,
            metrics=[
                Metric(name, value, 0, 0) for name, value in _metrics(logged).items()
            ],
            params=[Param(name, str(value)) for name, value in parameters.items()],
            tags=[
                RunTag(_VERSION_TAG, manifest.version),
                RunTag("data_sha256", manifest.data_sha256),
            ],
        )
        client.log_artifacts(run_id, str(folder))
        self._log_model(client, run_id, manifest, folder)
        client.set_terminated(run_id)

    def fail(self, run_id: str) -> None:
        """End a run that was opened and came to nothing."""
        self._client().set_terminated(run_id, status="FAILED")

    def run_url(self, run_id: str) -> str:
        """Where MLflow's web interface shows the run."""
        experiment = self._client().get_run(run_id).info.experiment_id
        address = f"http://127.0.0.1:{self.settings.ports.mlflow}"
        return f"{address}/#/experiments/{experiment}/runs/{run_id}"

    def register(self, manifest: ModelManifest) -> None:
        """Make the version known in MLflow's registry, once."""
        client = self._client()
        if self._number(manifest.name, manifest.version) is not None:
            return
        if not client.search_registered_models(f"name = '{manifest.name}'"):
            client.create_registered_model(manifest.name)
        client.create_model_version(
            manifest.name,
            source=f"runs:/{manifest.mlflow_run_id}/{_MODEL}",
            run_id=manifest.mlflow_run_id,
            tags={_VERSION_TAG: manifest.version},
        )

    def alias(self, name: str, alias: str) -> str | None:
        """The version that `alias` names, or None."""
        from mlflow.exceptions import MlflowException

        try:
            found = self._client().get_model_version_by_alias(name, alias)
        except MlflowException:
            return None
        return str(found.tags.get(_VERSION_TAG))

    def set_alias(self, manifest: ModelManifest, alias: str) -> None:
        """Let `alias` name the version, registering it first where it is unknown."""
        self.register(manifest)
        number = self._number(manifest.name, manifest.version)
        self._client().set_registered_model_alias(manifest.name, alias, str(number))

    def drop_alias(self, name: str, alias: str) -> None:
        """Let `alias` name nothing."""
        self._client().delete_registered_model_alias(name, alias)

    def _number(self, name: str, version: str) -> str | None:
        """MLflow's own number of a version, the newest one if it was made twice."""
        found = self._client().search_model_versions(f"name = '{name}'")
        numbers = [
            one.version for one in found if one.tags.get(_VERSION_TAG) == version
        ]
        return max(numbers, key=int, default=None)

    def _experiment(self, client: "MlflowClient", name: str) -> str:
        from mlflow.exceptions import MlflowException

        home = self.settings.home / "mlflow" / "artifacts"
        location = None if self.settings.mlflow_url else home.as_uri()
        try:
            return str(client.create_experiment(name, artifact_location=location))
        except MlflowException:  # another training made it in the meantime
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
            return str(found.experiment_id)

    def _log_model(
        self, client: "MlflowClient", run_id: str, manifest: ModelManifest, folder: Path
    ) -> None:
        with TemporaryDirectory() as place:
            layout = Path(place) / _MODEL
            _write_layout(layout, folder, len(manifest.inputs))
            client.log_artifacts(run_id, str(layout), _MODEL)

    def _client(self) -> "MlflowClient":
        # Both are read when mlflow is imported.
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
        from mlflow import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.WARNING)
        create_store(self.settings)
        return MlflowClient(self.settings.mlflow_tracking_uri)


def _metrics(logged: LoggedRun) -> dict[str, float]:
    """The holdout's metrics, and each gain over a baseline with its interval."""
    found = dict(logged.evaluation.metrics)
    for one in logged.evaluation.comparisons:
        name = f"{one.metric}_gain_over_{one.other}"
        found[name] = one.gain.estimate
        found[f"{name}_low"] = one.gain.low
        found[f"{name}_high"] = one.gain.high
    return found


def _write_layout(layout: Path, folder: Path, width: int) -> None:
    """Write the ONNX model of `folder` the way MLflow stores models.

    As mlflow.onnx.save_model does, but that imports all of mlflow.pyfunc (2.5 s of CPU)
    and, left to itself, finds requirements by importing everything else (38 s).
    """
    import onnx
    from mlflow.models import Model

    from analytics_platform.adapters.model_files import ONNX

    layout.mkdir()
    shutil.copy(folder / ONNX, layout)
    (layout / "requirements.txt").write_text("\n".join(_requirements()))
    model = Model(signature=_signature(width))
    model.add_flavor(
        "python_function",
        loader_module="mlflow.onnx",
        python_version=platform.python_version(),
        data=ONNX,
    )
    model.add_flavor(
        "onnx",
        onnx_version=onnx.__version__,
        data=ONNX,
        providers=["CPUExecutionProvider"],
        onnx_session_options=None,
    )
    model.save(str(layout / "MLmodel"))


def _signature(width: int) -> object:
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    from analytics_platform.adapters.model_files import ONNX_INPUT, ONNX_OUTPUT

    kind = np.dtype(np.float32)
    return ModelSignature(
        Schema([TensorSpec(kind, (-1, width), ONNX_INPUT)]),
        Schema([TensorSpec(kind, (-1, 1), ONNX_OUTPUT)]),
    )


def _requirements() -> list[str]:
    from importlib.metadata import version

    return [
        f"{name}=={version(name)}"
        for name in ("mlflow", "numpy", "onnx", "onnxruntime")
    ]
