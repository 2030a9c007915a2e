"""The checks of a trained model as Dagster's check specs and results."""

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from analytics_platform.adapters.training_run import Candidate, Occasion
from analytics_platform.contracts.domain import Severity
from analytics_platform.contracts.records import Verdict


@dataclass(frozen=True)
class _Rule:
    severity: Severity
    description: str


# None of them blocks: what reads a challenger is the promotion gate, which refuses one
# that is red and says so in the ledger. A step that is stopped leaves no trace there.
_RULES = {
    "beats_mean": _Rule(
        Severity.ERROR,
        "Better than predicting the mean: the 95 % interval of the gain is above zero.",
    ),
    "beats_history": _Rule(
        Severity.ERROR,
        "Better than the mean of like rows in the past, beyond doubt.",
    ),
    "no_leak": _Rule(
        Severity.ERROR, "No input is known only after the prediction is due."
    ),
    "plausible_inputs": _Rule(
        Severity.WARN,
        "No input says so much of the outcome that it may be the outcome itself.",
    ),
    "onnx_matches": _Rule(
        Severity.ERROR, "ONNX predicts as LightGBM does on the whole holdout."
    ),
}
_SEVERITY = {
    Severity.ERROR: dg.AssetCheckSeverity.ERROR,
    Severity.WARN: dg.AssetCheckSeverity.WARN,
}


def check_specs(asset: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """One named check per rule."""
    return [
        dg.AssetCheckSpec(
            name=name, asset=asset, description=rule.description, blocking=False
        )
        for name, rule in _RULES.items()
    ]


def verdicts(candidate: Candidate, occasion: Occasion) -> list[Verdict]:
    """What the platform remembers of a candidate's checks."""
    return [
        Verdict(
            asset=f"models/{candidate.manifest.name}",
            partition=None,
            check=one.check,
            passed=one.passed,
            severity=_RULES[one.check].severity,
            blocking=False,
            failing_rows=one.failing,
            total_rows=one.total,
            detail=one.detail,
            run_id=occasion.run_id,
            evaluated_at=occasion.at,
        )
        for one in candidate.outcomes
    ]


def check_results(found: Sequence[Verdict]) -> list[dg.AssetCheckResult]:
    """The verdicts as Dagster shows them."""
    return [
        dg.AssetCheckResult(
            check_name=one.check,
            passed=one.passed,
            severity=_SEVERITY[one.severity],
            description=one.detail,
            metadata={"failing": one.failing_rows, "total": one.total_rows},
        )
        for one in found
    ]
