"""A model's files: ONNX predicts as LightGBM does, and damage is noticed."""

import json
from pathlib import Path

import numpy as np
import pytest

from analytics_platform.adapters.model_files import (
    PROBE,
    TOLERANCE,
    convert_to_onnx,
    disagreement,
    predict_onnx,
    write_probe,
)
from analytics_platform.contracts.domain import ModelSpec
from analytics_platform.core.training.boosting import predict
from analytics_platform.core.training.encoding import Floats
from analytics_platform.core.training.thresholds import in_float32
from analytics_platform.core.training.trainer import Trained, train
from tests.support.model_domain import DELAY, DOMAIN, LATE, training_set


@pytest.fixture(scope="module", params=[DELAY, LATE], ids=lambda spec: spec.name)
def trained(request: pytest.FixtureRequest) -> Trained:
    spec: ModelSpec = request.param
    return train(spec, DOMAIN, training_set(), seed=1, threads=2)


def onnx_bytes(trained: Trained) -> bytes:
    model = convert_to_onnx(trained.fitted.text, trained.spec.task, len(trained.inputs))
    content: bytes = model.SerializeToString()
    return content


def hostile(inputs: Floats) -> Floats:
    """Rows with missing values everywhere, extremes, and thresholds' neighbours."""
    chance = np.random.default_rng(1)
    rows = np.repeat(inputs[:200], 5, axis=0)
    rows[chance.random(rows.shape) < 0.3] = np.nan
    rows[::7] = np.nextafter(rows[::7], np.float32(np.inf))
    rows[::11] = np.float32(3e38)
    rows[::13] = np.float32(-3e38)
    rows[::17] = 0
    return rows


def test_onnx_predicts_as_lightgbm_does(trained: Trained) -> None:
    model = onnx_bytes(trained)
    inputs = trained.holdout_inputs()
    for rows in (inputs, hostile(inputs), np.full_like(inputs[:1], np.nan)):
        text = predict(trained.fitted.text, rows, threads=1)
        found = predict_onnx(model, rows)
        assert found.shape == (len(rows),)
        assert disagreement(found, text).max() < TOLERANCE


def test_inputs_on_a_threshold_take_the_same_branch(trained: Trained) -> None:
    text = trained.fitted.text
    lines = [line for line in text.split("\n") if line.startswith("threshold=")]
    values = {float(one) for line in lines for one in line.split("=")[1].split()}
    edges = np.array(sorted(values), dtype=np.float32)
    assert set(edges.astype(float)) == values  # every threshold is a float32
    around = np.concatenate(
        [edges, np.nextafter(edges, -np.inf), np.nextafter(edges, np.inf)]
    ).astype(np.float32)
    model = onnx_bytes(trained)
    for position in range(len(trained.inputs)):
        rows = np.repeat(trained.holdout_inputs()[:1], len(around), axis=0)
        rows[:, position] = around
        difference = disagreement(
            predict_onnx(model, rows), predict(text, rows, threads=1)
        )
        assert difference.max() < TOLERANCE


def test_rounding_thresholds_changes_no_float32_prediction(trained: Trained) -> None:
    moved = trained.fitted.text.replace("threshold=", "threshold=")
    again = in_float32(moved)
    rows = trained.holdout_inputs()
    first, second = (predict(text, rows, threads=1) for text in (moved, again))
    np.testing.assert_array_equal(first, second)


def test_a_classifier_gives_probabilities(trained: Trained) -> None:
    found = predict_onnx(onnx_bytes(trained), trained.holdout_inputs())
    is_probability = bool(((found >= 0) & (found <= 1)).all())
    assert is_probability == (trained.spec.task == "classification")


def test_the_probe_holds_rows_with_their_predictions(
    trained: Trained, tmp_path: Path
) -> None:
    inputs = trained.holdout_inputs()
    write_probe(tmp_path, trained.fitted.text, inputs)
    probe = json.loads((tmp_path / PROBE).read_text())
    rows = np.array(probe["inputs"], dtype=np.float32)  # null reads as nan
    assert len(rows) == 65
    assert np.isnan(rows[-1]).all()
    found = predict_onnx(onnx_bytes(trained), rows)
    expected = np.array(probe["predictions"])
    assert disagreement(found, expected).max() < probe["tolerance"]
