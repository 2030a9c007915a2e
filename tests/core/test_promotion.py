"""The gate's rule against a brute-force reading of it, and on real predictions."""

from datetime import UTC, datetime
from itertools import product

import numpy as np
import pytest

from analytics_platform.contracts.evaluation import (
    Comparison,
    Evaluation,
    Interval,
    SliceVerdict,
)
from analytics_platform.core.promotion import CHAMPION, Candidates, decide, duel
from analytics_platform.core.training.model_data import model_data
from tests.support.model_domain import DELAY, training_set

_NOW = datetime(2020, 1, 1, tzinfo=UTC)
# Gains as (estimate, low, high): clearly better, better in doubt, equal, worse.
_GAINS = [(1.0, 0.5, 1.5), (1.0, -0.1, 2.0), (1.0, 0.0, 2.0), (-1.0, -2.0, -0.5)]
_CHANGES = [-0.2, 0.0, 0.05, 0.0501]  # the declared worse_by is 0.05


def comparison(other: str, gain: tuple[float, float, float]) -> Comparison:
    estimate, low, high = gain
    interval = Interval(estimate=estimate, low=low, high=high)
    return Comparison(other=other, metric="rmse", loss=3, other_loss=4, gain=interval)


def evaluation(mean: Comparison, history: Comparison) -> Evaluation:
    return Evaluation(
        model="delay",
        task="regression",
        unit=None,
        metric="rmse",
        holdout_from=_NOW,
        holdout_to=_NOW,
        rows=10,
        metrics={"rmse": 3.0},
        comparisons=(mean, history),
        calibration=(),
        slices=(),
        contributions=(),
    )


def slice_of(change: float) -> SliceVerdict:
    return SliceVerdict(
        column="shop", value="x", rows=500, challenger=1, champion=1, change=change
    )


def test_every_combination_agrees_with_the_rule_as_written() -> None:
    checked = 0
    for mean, history, champion, changes, red in product(
        _GAINS,
        _GAINS,
        [None, *_GAINS],
        product(_CHANGES, repeat=2),
        [(), ("no_leak",)],
    ):
        rivalry = None
        if champion is not None:
            slices = tuple(slice_of(change) for change in changes)
            rivalry = (comparison(CHAMPION, champion), slices)
        found = decide(
            DELAY,
            Candidates("delay", "v2", None if champion is None else "v1"),
            evaluation(comparison("mean", mean), comparison("history", history)),
            rivalry,
            red,
        )
        wins = mean[1] > 0 and history[1] > 0 and not red
        if champion is not None:
            wins = wins and champion[1] > 0 and max(changes) <= 0.05
        assert found.released == wins
        assert bool(found.reasons) != wins
        checked += 1
    assert checked == 4 * 4 * 5 * 16 * 2


def test_a_refusal_says_why_with_its_numbers() -> None:
    found = decide(
        DELAY,
        Candidates("delay", "v2", "v1"),
        evaluation(comparison("mean", _GAINS[0]), comparison("history", _GAINS[1])),
        (comparison(CHAMPION, _GAINS[0]), (slice_of(0.2),)),
        ("onnx_matches",),
    )
    assert found.reasons == (
        "the check onnx_matches is red",
        (
            "not better than history beyond doubt: rmse 3.0000 against 4.0000, "
            "gain 1.0000 [-0.1000, 2.0000]"
        ),
        "worse on shop = x (500 rows) by 20.0%, allowed 5.0%",
    )


def test_a_duel_measures_both_on_the_same_rows_overall_and_per_slice() -> None:
    data = model_data(DELAY, training_set())
    held = data.split.holdout
    target = data.target[held]
    shops = np.array(data.part(held)["shop"].to_pylist())
    better = target + 1.0
    worse_in_the_south = target + np.where(shops == "south", 0.5, 2.0)
    overall, slices = duel(DELAY, data, (better, worse_in_the_south), seed=1)
    squares = (worse_in_the_south - target) ** 2
    assert overall.loss == pytest.approx(1.0)
    assert overall.other_loss == pytest.approx(float(np.sqrt(squares.mean())))
    changes = {one.value: one.change for one in slices}
    assert changes == pytest.approx({"north": -0.5, "south": 1.0, "west": -0.5})
    assert {one.value: one.rows for one in slices} == {
        shop: int((shops == shop).sum()) for shop in ("north", "south", "west")
    }


def test_a_perfect_champion_is_not_divided_by() -> None:
    data = model_data(DELAY, training_set())
    target = data.target[data.split.holdout]
    _, slices = duel(DELAY, data, (target, target), seed=1)
    assert {one.change for one in slices} == {0.0}
    _, slices = duel(DELAY, data, (target + 1, target), seed=1)
    assert {one.change for one in slices} == {1.0}
