"""Fits LightGBM on float matrices so that equal data gives an equal model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analytics_platform.contracts.evaluation import Task
from analytics_platform.core.training.encoding import Floats, Targets
from analytics_platform.core.training.thresholds import in_float32
from analytics_platform.errors import InvalidData, InvalidUsage

if TYPE_CHECKING:
    from lightgbm import Booster

Parameters = Mapping[str, float | int | str]

_OBJECTIVE: dict[Task, str] = {"regression": "regression", "classification": "binary"}
_PATIENCE = 25  # rounds without a better validation loss before training stops
_SHARED: dict[str, float | int | str] = {
    "learning_rate": 0.08,
    "num_leaves": 31,
    "max_bin": 127,
    "feature_fraction": 0.8,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
}
# What makes a fit repeatable is not for a domain to change.
_FIXED = {"seed", "deterministic", "force_row_wise", "num_threads", "objective"}


@dataclass(frozen=True)
class Sample:
    """Inputs (n x k) and targets (n)."""

    inputs: Floats
    target: Targets


@dataclass(frozen=True)
class Run:
    """What governs a fit besides the data."""

    task: Task
    seed: int
    threads: int
    parameters: Parameters


@dataclass(frozen=True)
class Fitted:
    """A model as LightGBM's text, its rounds and its parameters."""

    text: str
    rounds: int
    parameters: dict[str, float | int | str]


def fit(train: Sample, validation: Sample, names: tuple[str, ...], run: Run) -> Fitted:
    """Boost on `train` until the loss on `validation` no longer falls.

    Raises:
        InvalidData: the targets of `train` are all equal.
        InvalidUsage: the parameters change what makes a fit repeatable.
    """
    import lightgbm

    _demand_variety(train.target, run.task)
    parameters = _parameters(run, len(train.target))
    rounds = int(run.parameters.get("rounds", 400))
    taught = lightgbm.Dataset(*_with_missing_row(train), feature_name=list(names))
    judged = lightgbm.Dataset(validation.inputs, validation.target, reference=taught)
    stop = lightgbm.early_stopping(_PATIENCE, verbose=False)
    booster = lightgbm.train(
        parameters, taught, rounds, valid_sets=[judged], callbacks=[stop]
    )
    best = booster.best_iteration or rounds
    text = in_float32(booster.model_to_string(num_iteration=best))
    return Fitted(text, best, parameters)


def predict(text: str, inputs: Floats, *, threads: int) -> Targets:
    """Predictions (n) of LightGBM's text model: a mean, or a probability."""
    found = booster_of(text).predict(inputs, num_threads=threads)
    return np.asarray(found, dtype=np.float64)


def contributions(text: str, inputs: Floats, *, threads: int) -> Targets:
    """Each input's part in each raw score (n x k), by LightGBM's own TreeSHAP."""
    booster = booster_of(text)
    found = booster.predict(inputs, pred_contrib=True, num_threads=threads)
    return np.asarray(found, dtype=np.float64)[:, :-1]  # the last is the base value


def booster_of(text: str) -> "Booster":
    """LightGBM's own object for a text model."""
    import lightgbm

    return lightgbm.Booster(model_str=text)


def _parameters(run: Run, rows: int) -> dict[str, float | int | str]:
    forbidden = sorted(_FIXED & set(run.parameters))
    if forbidden:
        raise InvalidUsage(
            f"A model may not set {', '.join(forbidden)}.",
            hint="The platform sets these, so that training can be repeated.",
        )
    chosen = {key: value for key, value in run.parameters.items() if key != "rounds"}
    return {
        **_SHARED,
        # Enough rows per leaf that its mean is no accident; few data, fewer rows.
        "min_data_in_leaf": min(300, max(2, rows // 200)),
        **chosen,
        "objective": _OBJECTIVE[run.task],
        "seed": run.seed,
        "deterministic": "true",
        "force_row_wise": "true",
        "num_threads": run.threads,
        "verbosity": -1,
    }


def _with_missing_row(sample: Sample) -> tuple[Floats, Targets, None, Targets]:
    """The sample and one row of weight 0 with every input missing.

    It teaches LightGBM that any input can be missing. Otherwise one that never was in
    training would be read as 0 when it is, and by ONNX as something else again.
    """
    missing = np.full((1, sample.inputs.shape[1]), np.nan, dtype=np.float32)
    weight = np.ones(len(sample.target) + 1)
    weight[-1] = 0.0
    inputs = np.vstack([sample.inputs, missing])
    return inputs, np.append(sample.target, sample.target[0]), None, weight


def _demand_variety(target: Targets, task: Task) -> None:
    if np.ptp(target) == 0:
        what = "one class" if task == "classification" else "one value"
        raise InvalidData(
            f"The target has only {what} in the training rows: {target[0]:g}.",
            hint="Load more history, or correct the model's target.",
        )
