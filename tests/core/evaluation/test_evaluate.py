"""Baselines, calibration, slices and contributions against brute force."""

import numpy as np
import pyarrow as pa
import pytest

from analytics_platform.contracts.domain import Slice
from analytics_platform.core.evaluation.baselines import baselines
from analytics_platform.core.evaluation.calibration import calibration
from analytics_platform.core.evaluation.evaluate import contribution_shares, evaluate
from analytics_platform.core.evaluation.slices import parts
from analytics_platform.core.training.boosting import contributions, predict
from analytics_platform.core.training.trainer import train
from tests.support.model_domain import DELAY, DOMAIN, LATE, training_set


def test_baselines_by_hand() -> None:
    # Mean of the past: 4. Group (x, 1): (2 + 6 + 4) / 3; (y, 1): (4 + 4) / 2.
    past = pa.table({"a": ["x", "x", "y"], "b": [1, 1, 1]})
    rows = pa.table({"a": ["x", "y", "y", None], "b": [1, 1, 2, 1]})
    found = baselines(past, np.array([2.0, 6.0, 4.0]), rows, ("a", "b"))
    np.testing.assert_allclose(found["mean"], [4, 4, 4, 4])
    np.testing.assert_allclose(found["history"], [4, 4, 4, 4])
    found = baselines(past, np.array([2.0, 8.0, 2.0]), rows, ("a", "b"))
    np.testing.assert_allclose(found["history"], [14 / 3, 3, 4, 4])


def test_nulls_are_a_group_of_their_own() -> None:
    past = pa.table({"a": pa.array(["x", None, None])})
    rows = pa.table({"a": pa.array([None, "x"], pa.string())})
    found = baselines(past, np.array([0.0, 3.0, 3.0]), rows, ("a",))
    np.testing.assert_allclose(found["history"], [8 / 3, 1])


def test_calibration_bins_hold_every_row_once_in_order() -> None:
    chance = np.random.default_rng(1)
    predicted = chance.random(1003)
    target = (chance.random(1003) < predicted).astype(float)
    bins = calibration(target, predicted)
    order = np.argsort(predicted)
    start = 0
    for one in bins:
        inside = order[start : start + one.rows]
        assert one.predicted == pytest.approx(predicted[inside].mean())
        assert one.observed == pytest.approx(target[inside].mean())
        start += one.rows
    assert (len(bins), start) == (10, 1003)


def test_constant_predictions_make_one_bin() -> None:
    (only,) = calibration(np.array([0.0, 1.0]), np.array([0.5, 0.5]))
    assert (only.rows, only.observed) == (2, 0.5)


def test_slices_below_the_minimum_are_left_out() -> None:
    table = pa.table({"c": ["a", "a", "b", None, None]})
    found = list(parts(table, (Slice(column="c", minimum_rows=2),)))
    assert [(one.value, one.rows.tolist()) for one in found] == [
        ("(none)", [False, False, False, True, True]),
        ("a", [True, True, False, False, False]),
    ]


@pytest.mark.parametrize("spec", [DELAY, LATE], ids=lambda spec: str(spec.name))
def test_an_evaluation_holds_every_comparison(spec: object) -> None:
    assert spec in (DELAY, LATE)
    declared = DELAY if spec is DELAY else LATE
    trained = train(declared, DOMAIN, training_set(), seed=1, threads=2)
    predicted = predict(trained.fitted.text, trained.holdout_inputs(), threads=2)
    shares = contribution_shares(trained, threads=2)
    found = evaluate(declared, trained.data, predicted, shares, seed=1)
    metrics = ["rmse", "mae"] if declared is DELAY else ["log_loss", "brier"]
    assert [(one.metric, one.other) for one in found.comparisons] == [
        (metric, other) for metric in metrics for other in ("mean", "history")
    ]
    assert all(one.is_won for one in found.comparisons)
    assert found.metric == metrics[0]
    assert found.against("history").metric == metrics[0]
    assert {one.value for one in found.slices} == {"north", "south", "west"}
    assert sum(one.rows for one in found.slices) == found.rows
    assert sum(one.share for one in found.contributions) == pytest.approx(1)
    assert found.contributions[0].input == "shop_history__mean_delay"
    assert found.contributions[-1].input == "weight"  # it says nothing


def test_contributions_and_base_value_add_up_to_the_prediction() -> None:
    trained = train(DELAY, DOMAIN, training_set(), seed=1, threads=2)
    inputs = trained.holdout_inputs()[:50]
    predicted = predict(trained.fitted.text, inputs, threads=1)
    found = contributions(trained.fitted.text, inputs, threads=1).sum(axis=1)
    base = predicted - found
    np.testing.assert_allclose(base, base[0])
