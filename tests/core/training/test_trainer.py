"""Training gives equal models for equal data, and clear errors for useless data."""

import numpy as np
import pyarrow as pa
import pytest

from analytics_platform.contracts.domain import ModelSpec
from analytics_platform.core.training.boosting import predict
from analytics_platform.core.training.columns import target_column
from analytics_platform.core.training.encoding import encode
from analytics_platform.core.training.trainer import Trained, train
from analytics_platform.core.training.training_set import TrainingSet
from analytics_platform.errors import InvalidData, InvalidUsage
from tests.support.model_domain import DELAY, DOMAIN, LATE, training_set


def fit(spec: ModelSpec, data: TrainingSet) -> Trained:
    return train(spec, DOMAIN, data, seed=1, threads=2)


def replaced(data: TrainingSet, name: str, values: pa.Array) -> TrainingSet:
    place = data.table.column_names.index(name)
    return TrainingSet.of(data.table.set_column(place, name, values))


@pytest.mark.parametrize("spec", [DELAY, LATE], ids=lambda spec: str(spec.name))
def test_equal_data_gives_an_equal_model_to_the_last_letter(spec: ModelSpec) -> None:
    first, second = fit(spec, training_set()), fit(spec, training_set())
    assert first.fitted.text == second.fitted.text
    assert first.fitted.rounds == second.fitted.rounds
    other = training_set(seed=2)
    assert fit(spec, other).fitted.text != first.fitted.text


def test_the_model_explains_what_can_be_explained() -> None:
    trained = fit(DELAY, training_set())
    predicted = predict(trained.fitted.text, trained.holdout_inputs(), threads=1)
    target = trained.data.target[trained.data.split.holdout]
    error = np.sqrt(np.mean((predicted - target) ** 2))
    # The noise alone has a standard deviation of sqrt(4^2 + 1^2) = 4.12.
    assert 3.9 < error < 5.0 < np.std(target)


def test_rows_without_a_target_are_not_used() -> None:
    data = training_set()
    targets = data.table[target_column("delay")]
    assert targets.null_count > 0
    assert len(fit(DELAY, data).data.target) == data.rows - targets.null_count


def test_an_unseen_category_is_predicted_as_a_missing_one() -> None:
    trained = fit(DELAY, training_set())
    row = trained.data.table.slice(0, 1)
    place = row.column_names.index("shop")
    answers = [
        encode(row.set_column(place, "shop", shop), trained.inputs, trained.categories)
        for shop in (pa.array(["moon"]), pa.array([None], pa.string()))
    ]
    assert np.isnan(answers[0][0, trained.inputs.index("shop")])
    first, second = (predict(trained.fitted.text, one, threads=1) for one in answers)
    assert first == second


def test_no_rows_is_a_clear_error() -> None:
    data = training_set()
    with pytest.raises(InvalidData, match="no rows"):
        fit(DELAY, TrainingSet.of(data.table.slice(0, 0)))


def test_history_shorter_than_holdout_and_validation_is_a_clear_error() -> None:
    with pytest.raises(InvalidData, match="No rows are left for train"):
        fit(DELAY, training_set(days=25))


def test_a_constant_target_is_a_clear_error() -> None:
    data = training_set()
    constant = replaced(data, target_column("delay"), pa.array([3.0] * data.rows))
    with pytest.raises(InvalidData, match="only one value"):
        fit(DELAY, constant)


def test_a_single_class_is_a_clear_error() -> None:
    data = training_set()
    single = replaced(data, target_column("late"), pa.array([False] * data.rows))
    with pytest.raises(InvalidData, match="only one class"):
        fit(LATE, single)


def test_a_class_that_is_no_class_is_a_clear_error() -> None:
    data = training_set()
    odd = replaced(data, target_column("late"), pa.array([0.0, 2.0] * (data.rows // 2)))
    with pytest.raises(InvalidData, match="true, false or null"):
        fit(LATE, odd)


def test_an_input_without_any_value_is_named() -> None:
    data = training_set()
    empty = replaced(data, "weight", pa.array([None] * data.rows, pa.float64()))
    with pytest.raises(InvalidData, match="weight"):
        fit(DELAY, empty)


def test_a_domain_cannot_change_what_makes_training_repeatable() -> None:
    restless = DELAY.model_copy(update={"parameters": {"seed": 3}})
    with pytest.raises(InvalidUsage, match="may not set seed"):
        fit(restless, training_set())


def test_outcomes_of_the_holdout_do_not_reach_the_model() -> None:
    data = training_set()
    trained = fit(DELAY, data)
    cutoffs = data.cutoffs
    boundary = np.datetime64(trained.data.split.holdout_from.replace(tzinfo=None))
    targets = data.table[target_column("delay")].to_numpy().copy()
    targets[cutoffs > boundary] += 1000
    changed = pa.array(targets, from_pandas=True)
    again = fit(DELAY, replaced(data, target_column("delay"), changed))
    assert again.fitted.text == trained.fitted.text
