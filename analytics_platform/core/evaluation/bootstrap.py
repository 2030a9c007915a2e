"""How sure a difference between two models is: a paired bootstrap over whole days."""

import numpy as np

from analytics_platform.contracts.evaluation import Comparison, Interval
from analytics_platform.core.evaluation.metrics import loss_of_mean, row_losses
from analytics_platform.core.training.encoding import Targets
from analytics_platform.core.training.split import Instants

_DRAWS = 2_000
_TAIL = 2.5  # percent on either side of a 95 % interval


def compare(
    metric: str,
    target: Targets,
    rivals: tuple[Targets, tuple[str, Targets]],
    blocks: Instants,
    *,
    seed: int,
) -> Comparison:
    """A model against a rival: predictions and (name, predictions), on the same rows.

    Rows of a day share weather and knock-on delay, so that days are drawn and not
    rows: an interval over rows would be far too narrow. All arrays have n rows.
    """
    predicted, (other, other_predicted) = rivals
    own = row_losses(metric, target, predicted)
    others = row_losses(metric, target, other_predicted)
    sums = _block_sums(np.stack([np.ones_like(own), own, others]), blocks)
    totals = sums.sum(axis=1)
    losses = loss_of_mean(metric, totals[1:] / totals[0])
    return Comparison(
        other=other,
        metric=metric,
        loss=float(losses[0]),
        other_loss=float(losses[1]),
        gain=_interval(metric, sums, float(losses[1] - losses[0]), seed),
    )


def _block_sums(values: Targets, blocks: Instants) -> Targets:
    """Sums of each row of `values` (3 x n) by block (3 x b)."""
    _, place = np.unique(blocks, return_inverse=True)
    return np.stack([np.bincount(place, weights=row) for row in values])


def _interval(metric: str, sums: Targets, estimate: float, seed: int) -> Interval:
    """The percentile interval of the other's loss minus the model's."""
    blocks = sums.shape[1]
    chance = np.random.default_rng(seed)
    drawn = chance.multinomial(blocks, np.full(blocks, 1 / blocks), size=_DRAWS)
    rows, own, others = sums @ drawn.T
    gains = loss_of_mean(metric, others / rows) - loss_of_mean(metric, own / rows)
    low, high = np.percentile(gains, [_TAIL, 100 - _TAIL])
    return Interval(estimate=estimate, low=float(low), high=float(high))
