"""What a model must beat: the mean, and the mean of like rows in the past."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.core.training.encoding import Targets

MEAN = "mean"
HISTORY = "history"


def baselines(
    past: pa.Table, target: Targets, rows: pa.Table, by: Sequence[str]
) -> dict[str, Targets]:
    """Predictions for `rows` (n) by each baseline, learned from `past` (m).

    `history` is the mean target of the rows with equal `by`, with one row of the
    overall mean added, so that a group of one late row is not a certainty; a group
    never seen gets the overall mean.
    """
    mean = float(target.mean())
    return {
        MEAN: np.full(rows.num_rows, mean),
        HISTORY: _group_means(past, target, rows, by),
    }


def _group_means(
    past: pa.Table, target: Targets, rows: pa.Table, by: Sequence[str]
) -> Targets:
    groups = _groups(pa.concat_tables([past.select(by), rows.select(by)]))
    seen, asked = groups[: past.num_rows], groups[past.num_rows :]
    size = int(groups.max(initial=-1)) + 1
    sums = np.bincount(seen, weights=target, minlength=size)
    counts = np.bincount(seen, minlength=size)
    means: Targets = (sums + target.mean()) / (counts + 1)
    return means[asked]


def _groups(table: pa.Table) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """A number per row (n), equal for equal values in all columns, nulls alike."""
    number = np.zeros(table.num_rows, dtype=np.int64)
    for name in table.column_names:
        encoded = pc.dictionary_encode(table[name], null_encoding="encode")
        codes = encoded.combine_chunks().indices.to_numpy(zero_copy_only=False)
        _, number = np.unique(
            number * (codes.max(initial=0) + 1) + codes, return_inverse=True
        )
    return number
