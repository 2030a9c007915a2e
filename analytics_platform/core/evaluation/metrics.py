"""Losses and scores of predictions, from numpy alone."""

import numpy as np

from analytics_platform.contracts.evaluation import Task
from analytics_platform.core.training.encoding import Targets

# Probabilities are kept this far from 0 and 1, so that one sure miss costs about 14
# and not infinity.
_EDGE = 1e-6
_BINS = 10


def row_losses(metric: str, target: Targets, predicted: Targets) -> Targets:
    """What each row (n) adds to a loss: rmse's square, mae, log_loss or brier."""
    error = predicted - target
    if metric in {"rmse", "brier"}:
        return error**2
    if metric == "mae":
        return np.abs(error)
    likely = np.clip(predicted, _EDGE, 1 - _EDGE)
    return -(target * np.log(likely) + (1 - target) * np.log1p(-likely))


def loss_of_mean(metric: str, mean: Targets) -> Targets:
    """The loss whose rows have the given mean: the root for rmse, else as it is."""
    return np.sqrt(mean) if metric == "rmse" else mean


def loss(metric: str, target: Targets, predicted: Targets) -> float:
    """One loss over all rows (n >= 1)."""
    mean = row_losses(metric, target, predicted).mean()
    return float(loss_of_mean(metric, mean))


def metrics(task: Task, target: Targets, predicted: Targets) -> dict[str, float]:
    """All metrics of a task over rows (n >= 1).

    R2 is left out when the target is constant, AUC when it has one class.
    """
    if task == "regression":
        return _regression(target, predicted)
    return _classification(target, predicted)


def auc(target: Targets, predicted: Targets) -> float | None:
    """The chance that a positive row ranks above a negative one, ties half; or None."""
    positives = int(target.sum())
    negatives = len(target) - positives
    if positives == 0 or negatives == 0:
        return None
    _, inverse, counts = np.unique(predicted, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2)[inverse]  # equal predictions share a rank
    above = ranks[target == 1].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def calibration_error(target: Targets, predicted: Targets) -> float:
    """ECE: mean gap between predicted and observed share over ten equal-width bins."""
    place = np.minimum((predicted * _BINS).astype(int), _BINS - 1)
    gaps = np.bincount(place, weights=predicted - target, minlength=_BINS)
    return float(np.abs(gaps).sum() / len(target))


def _regression(target: Targets, predicted: Targets) -> dict[str, float]:
    found = {name: loss(name, target, predicted) for name in ("mae", "rmse")}
    spread = float(((target - target.mean()) ** 2).sum())
    if spread > 0:
        found["r2"] = 1 - float(((target - predicted) ** 2).sum()) / spread
    return {**found, "bias": float((predicted - target).mean())}


def _classification(target: Targets, predicted: Targets) -> dict[str, float]:
    found = {name: loss(name, target, predicted) for name in ("log_loss", "brier")}
    found["ece"] = calibration_error(target, predicted)
    found["base_rate"] = float(target.mean())
    area = auc(target, predicted)
    return found if area is None else {**found, "auc": area}
