"""Whether predictions mean what they say, over groups of like predictions."""

import numpy as np

from analytics_platform.contracts.evaluation import CalibrationBin
from analytics_platform.core.training.encoding import Targets

_BINS = 10


def calibration(target: Targets, predicted: Targets) -> tuple[CalibrationBin, ...]:
    """At most ten bins of about equally many rows (n), by rising prediction.

    Rows with equal predictions are in the same bin.
    """
    edges = np.unique(np.quantile(predicted, np.linspace(0, 1, _BINS + 1)[1:-1]))
    place = np.searchsorted(edges, predicted, side="right")
    return tuple(
        CalibrationBin(
            rows=int(inside.sum()),
            predicted=float(predicted[inside].mean()),
            observed=float(target[inside].mean()),
        )
        for inside in (place == number for number in range(len(edges) + 1))
        if inside.any()
    )
