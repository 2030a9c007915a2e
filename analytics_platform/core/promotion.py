"""The promotion gate's rule: when a challenger takes the champion's place."""

from dataclasses import dataclass

from analytics_platform.contracts.domain import ModelSpec
from analytics_platform.contracts.evaluation import (
    PRIMARY_METRIC,
    Comparison,
    Decision,
    Evaluation,
    SliceVerdict,
)
from analytics_platform.core.evaluation.baselines import HISTORY, MEAN
from analytics_platform.core.evaluation.bootstrap import compare
from analytics_platform.core.evaluation.metrics import loss
from analytics_platform.core.evaluation.slices import parts
from analytics_platform.core.training.encoding import Targets
from analytics_platform.core.training.model_data import ModelData

CHAMPION = "champion"


@dataclass(frozen=True)
class Candidates:
    """Versions of challenger and champion; no champion before the first release."""

    model: str
    challenger: str
    champion: str | None


def duel(
    spec: ModelSpec,
    data: ModelData,
    predictions: tuple[Targets, Targets],
    *,
    seed: int,
) -> tuple[Comparison, tuple[SliceVerdict, ...]]:
    """Challenger against champion on the holdout (n rows), overall and per slice."""
    challenger, champion = predictions
    metric = PRIMARY_METRIC[spec.task]
    target = data.target[data.split.holdout]
    rivals = (challenger, (CHAMPION, champion))
    overall = compare(metric, target, rivals, data.holdout_days, seed=seed)
    slices = []
    for part in parts(data.part(data.split.holdout), spec.slices):
        own, other = (
            loss(metric, target[part.rows], one[part.rows]) for one in predictions
        )
        slices.append(
            SliceVerdict(
                column=part.column,
                value=part.value,
                rows=int(part.rows.sum()),
                challenger=own,
                champion=other,
                change=_relative_change(own, other),
            )
        )
    return overall, tuple(slices)


def decide(
    spec: ModelSpec,
    candidates: Candidates,
    evaluation: Evaluation,
    against_champion: tuple[Comparison, tuple[SliceVerdict, ...]] | None,
    red_checks: tuple[str, ...] = (),
) -> Decision:
    """Release the challenger only when nothing speaks against it.

    No check that is a veto may be red. It must beat both baselines beyond doubt (95 %
    interval of the gain above zero); beat the champion, if there is one, beyond doubt
    as well; and be worse by more than `spec.worse_by` on no slice. A challenger that is
    merely as good is refused: a change needs a reason.
    """
    reasons = [f"the check {name} is red" for name in red_checks]
    against = [evaluation.against(MEAN), evaluation.against(HISTORY)]
    slices: tuple[SliceVerdict, ...] = ()
    if against_champion is not None:
        overall, slices = against_champion
        against.append(overall)
    reasons += [_undecided(one) for one in against if not one.is_won]
    reasons += [
        _worse(one, spec.worse_by) for one in slices if one.change > spec.worse_by
    ]
    return Decision(
        model=candidates.model,
        challenger=candidates.challenger,
        champion=candidates.champion,
        released=not reasons,
        reasons=tuple(reasons),
        metric=evaluation.metric,
        comparisons=tuple(against),
        slices=slices,
    )


def _relative_change(challenger: float, champion: float) -> float:
    """0.1 is a tenth worse. From a perfect champion every loss is a full step."""
    if champion == 0:
        return 0.0 if challenger == 0 else 1.0
    return challenger / champion - 1


def _undecided(one: Comparison) -> str:
    return (
        f"not better than {one.other} beyond doubt: {one.metric} {one.loss:.4f} "
        f"against {one.other_loss:.4f}, gain {one.gain.estimate:.4f} "
        f"[{one.gain.low:.4f}, {one.gain.high:.4f}]"
    )


def _worse(one: SliceVerdict, allowed: float) -> str:
    return (
        f"worse on {one.column} = {one.value} ({one.rows} rows) by {one.change:.1%}, "
        f"allowed {allowed:.1%}"
    )
