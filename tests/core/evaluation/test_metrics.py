"""Metrics agree with scikit-learn's, an independent implementation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as oracle

from analytics_platform.core.evaluation.metrics import (
    auc,
    calibration_error,
    loss,
    metrics,
)

_CHANCE = np.random.default_rng(4)
_TARGET = (_CHANCE.random(500) < 0.3).astype(float)
_LIKELY = np.clip(_TARGET * 0.3 + _CHANCE.random(500) * 0.7, 0.01, 0.99).round(2)


def test_regression_metrics() -> None:
    target, predicted = _CHANCE.normal(size=300), _CHANCE.normal(size=300)
    found = metrics("regression", target, predicted)
    assert found["mae"] == pytest.approx(oracle.mean_absolute_error(target, predicted))
    squared = oracle.mean_squared_error(target, predicted)
    assert found["rmse"] == pytest.approx(squared**0.5)
    assert found["r2"] == pytest.approx(oracle.r2_score(target, predicted))
    assert found["bias"] == pytest.approx(np.mean(predicted) - np.mean(target))


def test_classification_metrics() -> None:
    found = metrics("classification", _TARGET, _LIKELY)
    assert found["log_loss"] == pytest.approx(oracle.log_loss(_TARGET, _LIKELY))
    assert found["brier"] == pytest.approx(oracle.brier_score_loss(_TARGET, _LIKELY))
    assert found["auc"] == pytest.approx(oracle.roc_auc_score(_TARGET, _LIKELY))
    assert found["base_rate"] == _TARGET.mean()


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=40))
def test_auc_counts_pairs_and_ties_half(rows: list[tuple[bool, int]]) -> None:
    ups = [score for is_up, score in rows if is_up]
    downs = [score for is_up, score in rows if not is_up]
    found = auc(
        np.array([float(is_up) for is_up, _ in rows]),
        np.array([float(score) for _, score in rows]),
    )
    if not ups or not downs:
        assert found is None
        return
    won = sum((up > down) + (up == down) / 2 for up in ups for down in downs)
    assert found == pytest.approx(won / (len(ups) * len(downs)))


def test_calibration_error_by_hand() -> None:
    # Bin 0.1 to 0.2: predicted 0.15, observed 0.5, gap 0.35 on 2 of 4 rows.
    # Bin 0.9 to 1: predicted 0.95 (1.0 belongs to it), observed 1, gap 0.05 on 2.
    target = np.array([0.0, 1.0, 1.0, 1.0])
    predicted = np.array([0.1, 0.2 - 1e-12, 0.9, 1.0])
    assert calibration_error(target, predicted) == pytest.approx(0.35 / 2 + 0.05 / 2)


def test_a_sure_miss_is_dear_but_finite() -> None:
    certain = loss("log_loss", np.array([1.0]), np.array([0.0]))
    assert certain == pytest.approx(-np.log(1e-6))


def test_metrics_that_mean_nothing_are_left_out() -> None:
    assert "auc" not in metrics("classification", np.ones(3), np.full(3, 0.5))
    assert "r2" not in metrics("regression", np.ones(3), np.zeros(3))
