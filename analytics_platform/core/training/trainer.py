"""Trains one declared model on a training set."""

from dataclasses import dataclass

from analytics_platform.contracts.domain import Domain, ModelSpec
from analytics_platform.core.training.boosting import Fitted, Run, Sample, fit
from analytics_platform.core.training.encoding import (
    Floats,
    demand_values,
    encode,
    fit_categories,
)
from analytics_platform.core.training.inputs import model_inputs
from analytics_platform.core.training.model_data import ModelData, model_data
from analytics_platform.core.training.training_set import TrainingSet


@dataclass(frozen=True)
class Trained:
    """A trained model with what it needs to predict and the data it was made from."""

    spec: ModelSpec
    inputs: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]
    fitted: Fitted
    data: ModelData
    seed: int

    def holdout_inputs(self) -> Floats:
        """The encoded holdout rows (n x k), by cut-off no later than the last."""
        table = self.data.part(self.data.split.holdout)
        return encode(table, self.inputs, self.categories)


def train(
    spec: ModelSpec, domain: Domain, data: TrainingSet, *, seed: int, threads: int
) -> Trained:
    """Fit the model on the oldest rows, stopping by those after them.

    Raises:
        InvalidData: too few rows, a constant target, or an input without a value.
    """
    rows = model_data(spec, data)
    names = tuple(one.name for one in model_inputs(spec, domain))
    split = rows.split
    table = rows.part(split.train)
    demand_values(table, names)
    target = rows.target[split.train]
    categories = fit_categories(table, names, target, domain.spine.categorical)
    taught = Sample(encode(table, names, categories), target)
    validation = encode(rows.part(split.validation), names, categories)
    judged = Sample(validation, rows.target[split.validation])
    run = Run(spec.task, seed, threads, spec.parameters)
    fitted = fit(taught, judged, names, run)
    return Trained(spec, names, categories, fitted, rows, seed)
