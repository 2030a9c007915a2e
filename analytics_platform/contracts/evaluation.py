"""What is known of a model's quality, in the numbers that gate, report and UI share."""

from datetime import datetime
from typing import Literal

from analytics_platform.contracts.records import Record

Task = Literal["regression", "classification"]

# The loss a model is judged by. Squared error and log loss are proper for what the
# models state (a mean, a probability); absolute error would reward the median and so
# flatter any model that is set against predict-the-mean.
PRIMARY_METRIC: dict[Task, str] = {"regression": "rmse", "classification": "log_loss"}
SECONDARY_METRIC: dict[Task, str] = {"regression": "mae", "classification": "brier"}


class Interval(Record):
    """An estimate with its 95 % interval."""

    estimate: float
    low: float
    high: float

    @property
    def is_above_zero(self) -> bool:
        """Whether the whole interval is positive."""
        return self.low > 0


class Comparison(Record):
    """A model against another on the same rows.

    `gain` is the other's loss minus the model's: positive when the model is better.
    """

    other: str
    metric: str
    loss: float
    other_loss: float
    gain: Interval

    @property
    def is_won(self) -> bool:
        """Whether the model is better beyond doubt."""
        return self.gain.is_above_zero


class SliceQuality(Record):
    """A model's metrics on the holdout rows where `column` equals `value`."""

    column: str
    value: str
    rows: int
    metrics: dict[str, float]


class CalibrationBin(Record):
    """Rows with like predictions: their mean prediction and mean outcome."""

    rows: int
    predicted: float
    observed: float


class Contribution(Record):
    """How much an input moves predictions: mean |contribution|, in raw score units."""

    input: str
    mean_absolute: float
    share: float


class Evaluation(Record):
    """A model's quality on its holdout, the last known history."""

    model: str
    task: Task
    unit: str | None
    metric: str
    holdout_from: datetime
    holdout_to: datetime
    rows: int
    metrics: dict[str, float]
    comparisons: tuple[Comparison, ...]
    calibration: tuple[CalibrationBin, ...]
    slices: tuple[SliceQuality, ...]
    contributions: tuple[Contribution, ...]

    def against(self, other: str) -> Comparison:
        """The comparison with `other` by the primary metric."""
        return next(
            comparison
            for comparison in self.comparisons
            if comparison.other == other and comparison.metric == self.metric
        )


class SliceVerdict(Record):
    """A slice's loss under challenger and champion; `change` is relative."""

    column: str
    value: str
    rows: int
    challenger: float
    champion: float
    change: float


class Decision(Record):
    """What the promotion gate decided, and every number behind it."""

    model: str
    challenger: str
    champion: str | None
    released: bool
    reasons: tuple[str, ...]
    metric: str
    comparisons: tuple[Comparison, ...]
    slices: tuple[SliceVerdict, ...]
