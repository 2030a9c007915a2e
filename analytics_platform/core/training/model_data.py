"""The rows of a training set that one model learns from and is judged on."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.contracts.domain import ModelSpec
from analytics_platform.core.training.columns import CUTOFF, target_column
from analytics_platform.core.training.encoding import Targets, numbers
from analytics_platform.core.training.split import Instants, Mask, Split, split_by_time
from analytics_platform.core.training.training_set import TrainingSet
from analytics_platform.errors import InvalidData


@dataclass(frozen=True)
class ModelData:
    """Rows with a target (n), their targets, cut-offs and parts."""

    table: pa.Table
    target: Targets
    cutoffs: Instants
    split: Split

    def part(self, mask: Mask) -> pa.Table:
        """The rows where `mask` (n) is true."""
        return self.table.filter(pa.array(mask))

    @property
    def holdout_days(self) -> Instants:
        """The UTC day of each holdout row, the blocks of the bootstrap."""
        days: Instants = self.cutoffs[self.split.holdout].astype("datetime64[D]")
        return days


def model_data(spec: ModelSpec, data: TrainingSet) -> ModelData:
    """The rows for which the model has a target, cut by time.

    Raises:
        InvalidData: there are too few rows, or targets that do not suit the task.
    """
    name = target_column(spec.name)
    table = data.table.filter(pc.is_valid(data.table[name]))
    target = numbers(name, table[name])
    if spec.task == "classification" and not np.isin(target, (0, 1)).all():
        raise InvalidData(
            f"The target of {spec.name!r} must be true, false or null, "
            f"but has values from {target.min():g} to {target.max():g}.",
            hint="Write a comparison as the model's target.",
        )
    cutoffs: Instants = table[CUTOFF].to_numpy()
    return ModelData(table, target, cutoffs, split_by_time(cutoffs, spec.holdout))
