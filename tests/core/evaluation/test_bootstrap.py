"""The paired bootstrap over days: hand-made cases, and its coverage."""

import numpy as np
import pytest

from analytics_platform.core.evaluation.bootstrap import compare

_DAYS = np.repeat(np.datetime64("2020-01-01") + np.arange(40), 50)


def test_the_estimate_is_the_difference_of_the_losses() -> None:
    target = np.zeros(2000)
    found = compare(
        "rmse",
        target,
        (np.full(2000, 3.0), ("other", np.full(2000, 5.0))),
        _DAYS,
        seed=1,
    )
    assert (found.loss, found.other_loss) == (3.0, 5.0)
    gain = found.gain
    assert (gain.estimate, gain.low, gain.high) == pytest.approx((2.0, 2.0, 2.0))
    assert found.is_won


def test_equal_predictions_are_not_won() -> None:
    target = np.random.default_rng(0).normal(size=2000)
    found = compare("mae", target, (target, ("other", target)), _DAYS, seed=1)
    assert found.gain.estimate == 0
    assert not found.is_won


def test_equal_seeds_give_equal_intervals() -> None:
    chance = np.random.default_rng(2)
    target, own, other = chance.normal(size=(3, 2000))
    rivals = (own, ("other", other))
    first, again, another = (
        compare("mae", target, rivals, _DAYS, seed=seed).gain for seed in (1, 1, 2)
    )
    assert first == again
    assert first != another


def test_the_interval_agrees_with_drawing_days_one_by_one() -> None:
    chance = np.random.default_rng(3)
    target = chance.normal(size=2000)
    own = target + chance.normal(size=2000) + np.repeat(chance.normal(size=40), 50)
    other = target + chance.normal(0, 1.5, size=2000)
    found = compare("rmse", target, (own, ("other", other)), _DAYS, seed=5).gain
    squares = [((one - target) ** 2).reshape(40, 50) for one in (own, other)]
    gains = []
    for _ in range(4000):
        days = chance.integers(0, 40, 40)
        losses = [np.sqrt(one[days].mean()) for one in squares]
        gains.append(losses[1] - losses[0])
    low, high = np.percentile(gains, [2.5, 97.5])
    width = high - low
    assert found.low == pytest.approx(low, abs=0.05 * width)
    assert found.high == pytest.approx(high, abs=0.05 * width)


def test_days_that_move_together_make_the_interval_wide() -> None:
    chance = np.random.default_rng(6)
    target = np.zeros(2000)
    by_row = chance.normal(1, 1, 2000)
    by_day = np.repeat(chance.normal(1, 1, 40), 50)
    widths = []
    for other in (by_row, by_day):
        gain = compare("mae", target, (target, ("other", other)), _DAYS, seed=1).gain
        widths.append(gain.high - gain.low)
    assert widths[1] > 4 * widths[0]


@pytest.mark.parametrize("metric", ["rmse", "log_loss"])
def test_a_model_without_advantage_is_rarely_said_to_win(metric: str) -> None:
    chance = np.random.default_rng(7)
    wins = 0
    for seed in range(200):
        target = (chance.random(2000) < 0.5).astype(float)
        rivals = [np.clip(chance.normal(0.5, 0.1, 2000), 0.1, 0.9) for _ in range(2)]
        found = compare(metric, target, (rivals[0], ("o", rivals[1])), _DAYS, seed=seed)
        wins += found.is_won
    assert wins <= 14  # 2.5 % of 200 is 5; more than 14 has a chance below 0.1 %
