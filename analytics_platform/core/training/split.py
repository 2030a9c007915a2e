"""Cuts known history by time: train, then validation, then holdout."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from analytics_platform.errors import InvalidData

Mask = npt.NDArray[np.bool_]
Instants = npt.NDArray[np.datetime64]


@dataclass(frozen=True)
class Split:
    """Which rows (n) are for what; the three masks are disjoint and cover all rows.

    train < validation_from <= validation < holdout_from <= holdout.
    """

    train: Mask
    validation: Mask
    holdout: Mask
    validation_from: datetime
    holdout_from: datetime
    holdout_to: datetime

    @property
    def history(self) -> Mask:
        """All rows before the holdout."""
        return self.train | self.validation


def split_by_time(cutoffs: Instants, holdout: timedelta) -> Split:
    """Hold out the last `holdout` of the cut-offs (n); validate on half as long before.

    Raises:
        InvalidData: there are no rows, or a part would have none.
    """
    if len(cutoffs) == 0:
        raise InvalidData(
            "The training set has no rows.",
            hint="Load history whose outcome is known, then train again.",
        )
    last = cutoffs.max()
    length = np.timedelta64(holdout)
    holdout_from = last - length
    validation_from = holdout_from - length // 2
    # The last row belongs to the holdout, a row exactly `holdout` before it does not.
    is_held_out = cutoffs > holdout_from
    is_train = cutoffs <= validation_from
    split = Split(
        train=is_train,
        validation=~is_train & ~is_held_out,
        holdout=is_held_out,
        validation_from=_aware(validation_from),
        holdout_from=_aware(holdout_from),
        holdout_to=_aware(last),
    )
    _demand_rows(split, holdout)
    return split


def _demand_rows(split: Split, holdout: timedelta) -> None:
    for name in ("train", "validation"):
        if not getattr(split, name).any():
            raise InvalidData(
                f"No rows are left for {name}: the history ends "
                f"{split.holdout_to:%Y-%m-%d} and the holdout takes its last "
                f"{holdout.days} days, validation half as many before.",
                hint="Load more history or declare a shorter holdout.",
            )


def _aware(instant: np.datetime64) -> datetime:
    naive: datetime = instant.astype("datetime64[us]").item()
    return naive.replace(tzinfo=UTC)
