"""One training from stored rows to a published, registered challenger."""

import hashlib
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from analytics_platform.adapters.control_store.ledger import Note
from analytics_platform.adapters.mlflow_tracking import LoggedRun
from analytics_platform.adapters.model_registry import ModelRegistry
from analytics_platform.contracts.domain import Domain, ModelSpec
from analytics_platform.contracts.evaluation import Evaluation
from analytics_platform.contracts.records import ModelManifest
from analytics_platform.observability import get_logger

if TYPE_CHECKING:  # a code location loads this module and must not pay for these
    from analytics_platform.core.training.checks import Outcome
    from analytics_platform.core.training.trainer import Trained
    from analytics_platform.core.training.training_set import TrainingSet

log = get_logger(__name__)


@dataclass(frozen=True)
class Occasion:
    """The run at work, and the wall clock's instant that its records carry.

    `ancestors` are, per spine column, the names of all columns of the same row that it
    is computed from, as far as the run knows them.
    """

    run_id: str
    at: datetime
    ancestors: Mapping[str, Collection[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """What a training gives: the published version, its quality and its checks.

    `mlflow_run_id` is this training's; the manifest names that of the first run which
    gave the version.
    """

    manifest: ModelManifest
    evaluation: Evaluation
    outcomes: tuple["Outcome", ...]
    folder: Path
    mlflow_run_id: str


def train_candidate(
    registry: ModelRegistry,
    domain: Domain,
    spec: ModelSpec,
    data: "TrainingSet",
    occasion: Occasion,
) -> Candidate:
    """Train, judge, publish, log to MLflow, and nominate the version as challenger.

    Raises:
        InvalidData: the data does not suffice, as core/training says.
        Conflict: another training nominated its version at the same moment.
    """
    # Read when LightGBM is loaded. Threads that wait for each other otherwise spin: on
    # a machine with other work training was measured to take ten times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from analytics_platform.core.training.trainer import train

    settings = registry.settings
    trained = train(
        spec,
        domain,
        data,
        seed=settings.training.seed,
        threads=settings.warehouse.threads,
    )
    run_id = registry.tracking.start(spec.name, occasion.run_id)
    try:
        return _publish(registry, domain, trained, data.sha256(), (occasion, run_id))
    except BaseException:
        registry.tracking.fail(run_id)
        raise


def _publish(
    registry: ModelRegistry,
    domain: Domain,
    trained: "Trained",
    data_sha256: str,
    runs: tuple[Occasion, str],
) -> Candidate:
    from analytics_platform.adapters.model_files import write_manifest
    from analytics_platform.adapters.model_plots import write_plots
    from analytics_platform.core.training.inputs import leaking_inputs

    occasion, mlflow_run_id = runs
    with TemporaryDirectory() as place:
        folder = Path(place) / trained.spec.name  # readable by all, as its place is not
        folder.mkdir()
        leaking = leaking_inputs(trained.spec, domain, occasion.ancestors)
        evaluation, outcomes = _judge(registry, trained, leaking, folder)
        write_plots(folder, evaluation)
        draft = _manifest(trained, evaluation, data_sha256, runs)
        manifest = registry.publish(folder, write_manifest(folder, draft))
        logged = LoggedRun(manifest, evaluation, _parameters(trained))
        registry.tracking.finish(mlflow_run_id, logged, folder)
    note = Note(
        actor=f"run {occasion.run_id}",
        action="trained",
        details=_details(manifest, evaluation, outcomes, runs),
        at=occasion.at,
    )
    registry.nominate(manifest, note)
    log.info(
        "model_trained",
        model=manifest.name,
        version=manifest.version,
        rounds=trained.fitted.rounds,
        **evaluation.metrics,
    )
    stored = registry.model(manifest.name, manifest.version)
    return Candidate(manifest, evaluation, outcomes, stored.folder, mlflow_run_id)


def _judge(
    registry: ModelRegistry, trained: "Trained", leaking: tuple[str, ...], folder: Path
) -> tuple[Evaluation, tuple["Outcome", ...]]:
    """Write text, ONNX, probe and metrics; give the quality and the checks."""
    from analytics_platform.adapters import model_files
    from analytics_platform.core.evaluation.evaluate import (
        contribution_shares,
        evaluate,
    )
    from analytics_platform.core.training import checks
    from analytics_platform.core.training.boosting import predict

    spec, text = trained.spec, trained.fitted.text
    threads = registry.settings.warehouse.threads
    inputs = trained.holdout_inputs()
    predicted = predict(text, inputs, threads=threads)
    onnx = model_files.convert_to_onnx(text, spec.task, inputs.shape[1])
    served = model_files.predict_onnx(onnx.SerializeToString(), inputs)
    shares = contribution_shares(trained, threads=threads)
    # What is served is judged: ONNX's predictions, not LightGBM's.
    evaluation = evaluate(spec, trained.data, served, shares, seed=trained.seed)
    model_files.write_model(folder, text, onnx, evaluation)
    model_files.write_probe(folder, text, inputs)
    target = trained.data.target[trained.data.split.holdout]
    suspicious = checks.suspicious_inputs(trained.inputs, inputs, target)
    difference = model_files.disagreement(served, predicted)
    return evaluation, (
        *checks.beats(evaluation),
        checks.no_leak(trained.inputs, leaking),
        checks.plausible_inputs(trained.inputs, suspicious),
        checks.onnx_matches(difference, model_files.TOLERANCE),
    )


def _manifest(
    trained: "Trained",
    evaluation: Evaluation,
    data_sha256: str,
    runs: tuple[Occasion, str],
) -> ModelManifest:
    spec, split = trained.spec, trained.data.split
    occasion, mlflow_run_id = runs
    return ModelManifest(
        name=spec.name,
        version=_version(trained, data_sha256),
        task=spec.task,
        inputs=trained.inputs,
        categories=trained.categories,
        target=spec.target,
        unit=spec.unit,
        data_sha256=data_sha256,
        trained_through=split.holdout_from,
        rows=int(split.history.sum()),
        metrics=evaluation.metrics,
        run_id=occasion.run_id,
        mlflow_run_id=mlflow_run_id,
        created_at=occasion.at,
        files={},
    )


def _version(trained: "Trained", data_sha256: str) -> str:
    """The last day of known history, and a hash of the data and the model itself."""
    content = f"{trained.spec.name}\n{data_sha256}\n{trained.fitted.text}"
    digest = hashlib.sha256(content.encode()).hexdigest()[:12]
    return f"{trained.data.split.holdout_to:%Y%m%d}-{digest}"


def _parameters(trained: "Trained") -> dict[str, float | int | str]:
    split = trained.data.split
    return {
        **trained.fitted.parameters,
        "rounds": trained.fitted.rounds,
        "train_rows": int(split.train.sum()),
        "validation_rows": int(split.validation.sum()),
        "holdout_rows": int(split.holdout.sum()),
        "validation_from": split.validation_from.isoformat(),
        "holdout_from": split.holdout_from.isoformat(),
    }


def _details(
    manifest: ModelManifest,
    evaluation: Evaluation,
    outcomes: tuple["Outcome", ...],
    runs: tuple[Occasion, str],
) -> dict[str, object]:
    occasion, mlflow_run_id = runs
    return {
        **evaluation.metrics,
        "version": manifest.version,
        "data_sha256": manifest.data_sha256,
        "rows": manifest.rows,
        "run_id": occasion.run_id,
        "mlflow_run_id": mlflow_run_id,
        "checks": {one.check: one.passed for one in outcomes},
        "comparisons": [one.model_dump() for one in evaluation.comparisons],
        "slices": [one.model_dump() for one in evaluation.slices],
    }
