"""What must hold of a trained model before anybody relies on it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics_platform.contracts.evaluation import Comparison, Evaluation
from analytics_platform.core.evaluation.baselines import HISTORY, MEAN
from analytics_platform.core.evaluation.metrics import auc
from analytics_platform.core.training.encoding import Floats, Targets

BEATS_MEAN, BEATS_HISTORY = "beats_mean", "beats_history"
NO_LEAK, ONNX_MATCHES = "no_leak", "onnx_matches"
PLAUSIBLE_INPUTS = "plausible_inputs"

# Red, they keep a version from being released, however good its figures are. The rest
# of the decision the gate draws from these figures themselves.
VETOES = frozenset({NO_LEAK, ONNX_MATCHES})

# What is known beforehand rarely explains half of an outcome by itself (0.7 squared).
# Only a warning: yesterday's value of a slow series rightly does.
_SUSPICIOUS = 0.7
_ENOUGH_ROWS = 30


@dataclass(frozen=True)
class Outcome:
    """One check's result; `failing` of `total` rows, inputs or comparisons."""

    check: str
    passed: bool
    failing: int
    total: int
    detail: str


def beats(evaluation: Evaluation) -> list[Outcome]:
    """Whether each baseline is beaten beyond doubt, by the primary metric."""
    return [
        _beats(BEATS_MEAN, evaluation.against(MEAN)),
        _beats(BEATS_HISTORY, evaluation.against(HISTORY)),
    ]


def no_leak(inputs: Sequence[str], leaking: Sequence[str]) -> Outcome:
    """Whether no input carries what is known only after the cut-off."""
    detail = "; ".join(leaking) or "every input is known at the cut-off"
    return Outcome(NO_LEAK, not leaking, len(leaking), len(inputs), detail)


def plausible_inputs(inputs: Sequence[str], suspicious: Sequence[str]) -> Outcome:
    """Whether no input foretells the target so well that it may be the outcome."""
    detail = "; ".join(suspicious) or "no input says more than half by itself"
    return Outcome(
        PLAUSIBLE_INPUTS, not suspicious, len(suspicious), len(inputs), detail
    )


def onnx_matches(differences: Targets, tolerance: float) -> Outcome:
    """Whether ONNX and LightGBM agree on every row (n) within the tolerance."""
    failing = int((differences > tolerance).sum())
    worst = float(differences.max(initial=0.0))
    detail = f"largest difference {worst:.2e}, allowed {tolerance:.0e}"
    return Outcome(ONNX_MATCHES, failing == 0, failing, len(differences), detail)


def suspicious_inputs(
    names: Sequence[str], inputs: Floats, target: Targets
) -> tuple[str, ...]:
    """Inputs (n x k) that by themselves say a lot of the target (n), with how much.

    Catches a leak under a name that nobody declared. Judged over the rows where the
    input is known, if these are at least 30, by the correlation; for a target of 0
    and 1 by 2 AUC - 1.
    """
    found = []
    for name, column in zip(names, inputs.T.astype(np.float64), strict=True):
        known = ~np.isnan(column)
        if known.sum() >= _ENOUGH_ROWS:
            strength = _strength(column[known], target[known])
            if abs(strength) > _SUSPICIOUS:
                found.append(f"{name} ({strength:.2f})")
    return tuple(found)


def _strength(column: Targets, target: Targets) -> float:
    if np.ptp(column) == 0 or np.ptp(target) == 0:
        return 0.0
    if np.isin(target, (0, 1)).all():
        return 2 * (auc(target, column) or 0.5) - 1
    return float(np.corrcoef(column, target)[0, 1])


def _beats(check: str, one: Comparison) -> Outcome:
    detail = (
        f"{one.metric} {one.loss:.4f} against {one.other_loss:.4f}: gain "
        f"{one.gain.estimate:.4f}, 95 % interval {one.gain.low:.4f} to "
        f"{one.gain.high:.4f}"
    )
    return Outcome(check, one.is_won, int(not one.is_won), 1, detail)
