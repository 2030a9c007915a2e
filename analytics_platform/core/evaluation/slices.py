"""Parts of the holdout that are large enough to judge a model on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.contracts.domain import Slice
from analytics_platform.core.training.split import Mask


@dataclass(frozen=True)
class Part:
    """The rows (n) in which `column` has `value`."""

    column: str
    value: str
    rows: Mask


def parts(table: pa.Table, slices: Sequence[Slice]) -> Iterator[Part]:
    """Every value with at least its slice's minimum of rows, by column and value."""
    for declared in slices:
        column = pc.fill_null(table[declared.column].cast(pa.string()), "(none)")
        for value in sorted(pc.unique(column).to_pylist()):
            rows = np.asarray(pc.equal(column, value).to_numpy(), dtype=np.bool_)
            if rows.sum() >= declared.minimum_rows:
                yield Part(declared.column, value, rows)
