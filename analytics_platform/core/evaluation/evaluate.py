"""Judges predictions on the holdout: metrics, baselines, calibration, slices."""

from collections.abc import Sequence

import numpy as np

from analytics_platform.contracts.domain import ModelSpec
from analytics_platform.contracts.evaluation import (
    PRIMARY_METRIC,
    SECONDARY_METRIC,
    Comparison,
    Contribution,
    Evaluation,
    SliceQuality,
)
from analytics_platform.core.evaluation.baselines import baselines
from analytics_platform.core.evaluation.bootstrap import compare
from analytics_platform.core.evaluation.calibration import calibration
from analytics_platform.core.evaluation.metrics import metrics
from analytics_platform.core.evaluation.slices import parts
from analytics_platform.core.training.boosting import contributions
from analytics_platform.core.training.encoding import Targets
from analytics_platform.core.training.model_data import ModelData
from analytics_platform.core.training.trainer import Trained

# TreeSHAP costs about 0.2 ms a row; the mean over these is steady to about 2 %.
_CONTRIBUTION_ROWS = 2_000


def evaluate(
    spec: ModelSpec,
    data: ModelData,
    predicted: Targets,
    shares: tuple[Contribution, ...],
    *,
    seed: int,
) -> Evaluation:
    """The quality of holdout predictions (n), in the order of the holdout's rows."""
    split = data.split
    target = data.target[split.holdout]
    return Evaluation(
        model=spec.name,
        task=spec.task,
        unit=spec.unit,
        metric=PRIMARY_METRIC[spec.task],
        holdout_from=split.holdout_from,
        holdout_to=split.holdout_to,
        rows=len(target),
        metrics=metrics(spec.task, target, predicted),
        comparisons=_against_baselines(spec, data, predicted, seed),
        calibration=calibration(target, predicted),
        slices=_slices(spec, data, predicted),
        contributions=shares,
    )


def contribution_shares(trained: Trained, *, threads: int) -> tuple[Contribution, ...]:
    """Each input's mean |contribution| on evenly spaced holdout rows, largest first."""
    inputs = trained.holdout_inputs()
    step = max(1, len(inputs) // _CONTRIBUTION_ROWS)
    found = contributions(trained.fitted.text, inputs[::step], threads=threads)
    means = np.abs(found).mean(axis=0)
    total = float(means.sum()) or 1.0
    return tuple(
        Contribution(input=name, mean_absolute=float(mean), share=float(mean) / total)
        for mean, name in sorted(
            zip(means, trained.inputs, strict=True),
            key=lambda pair: (-pair[0], pair[1]),
        )
    )


def _against_baselines(
    spec: ModelSpec, data: ModelData, predicted: Targets, seed: int
) -> tuple[Comparison, ...]:
    split = data.split
    target = data.target[split.holdout]
    rivals = baselines(
        data.part(split.history),
        data.target[split.history],
        data.part(split.holdout),
        spec.baseline_by,
    )
    judged: Sequence[str] = (PRIMARY_METRIC[spec.task], SECONDARY_METRIC[spec.task])
    return tuple(
        compare(metric, target, (predicted, rival), data.holdout_days, seed=seed)
        for metric in judged
        for rival in rivals.items()
    )


def _slices(
    spec: ModelSpec, data: ModelData, predicted: Targets
) -> tuple[SliceQuality, ...]:
    held = data.split.holdout
    target = data.target[held]
    return tuple(
        SliceQuality(
            column=part.column,
            value=part.value,
            rows=int(part.rows.sum()),
            metrics=metrics(spec.task, target[part.rows], predicted[part.rows]),
        )
        for part in parts(data.part(held), spec.slices)
    )
