"""Turns training-set columns into the float matrix that models see."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.errors import InvalidData, InvalidUsage

Floats = npt.NDArray[np.float32]
Targets = npt.NDArray[np.float64]
Categories = Mapping[str, tuple[str, ...]]

# A category's mean outcome is drawn to the overall mean with the weight of this many
# rows, so that a handful of rows does not decide a rare category's place.
_PRIOR_ROWS = 100


def is_text(column: pa.ChunkedArray) -> bool:
    """Whether a column holds text, which must be encoded."""
    kind = column.type
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_dictionary(kind)
    )


def ordered_categories(column: pa.ChunkedArray, target: Targets) -> tuple[str, ...]:
    """The distinct values of a column (n) by their shrunk mean target (n), then name.

    In that order a numeric split finds the best division into two groups of
    categories (Fisher 1958, "On grouping for maximum homogeneity"), and trees need no
    set-valued splits, which ONNX can only spell out one category at a time.
    """
    encoded = pc.dictionary_encode(column.cast(pa.string())).combine_chunks()
    values = encoded.dictionary.to_pylist()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    known = ~np.isnan(codes.astype(np.float64))
    index = codes[known].astype(np.int64)
    sums = np.bincount(index, weights=target[known], minlength=len(values))
    counts = np.bincount(index, minlength=len(values))
    prior = float(target.mean())
    means = (sums + prior * _PRIOR_ROWS) / (counts + _PRIOR_ROWS)
    return tuple(value for _, value in sorted(zip(means, values, strict=True)))


def fit_categories(
    table: pa.Table, inputs: Sequence[str], target: Targets, declared: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """The ordered categories of those inputs that are declared so or hold text."""
    return {
        name: ordered_categories(table[name], target)
        for name in inputs
        if name in declared or is_text(table[name])
    }


def encode(table: pa.Table, inputs: Sequence[str], categories: Categories) -> Floats:
    """The inputs as a matrix (n x k); null, unknown category, absent column: missing.

    Raises:
        InvalidUsage: a column is neither a number nor a declared category.
    """
    matrix = np.full((table.num_rows, len(inputs)), np.nan, dtype=np.float32)
    for position, name in enumerate(inputs):
        if name in table.column_names:
            matrix[:, position] = _encoded(name, table[name], categories.get(name))
    return matrix


def numbers(name: str, column: pa.ChunkedArray) -> Targets:
    """A column of numbers or booleans (n), null as missing.

    Raises:
        InvalidUsage: it holds something else.
    """
    kind = column.type
    if pa.types.is_boolean(kind):
        column = column.cast(pa.int8())
    elif not (
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_null(kind)
    ):
        raise InvalidUsage(
            f"The column {name!r} is {kind}, but a model needs numbers or text.",
            hint="Compute a number from it in the feature view or the dbt model.",
        )
    floats: Targets = column.cast(pa.float64()).to_numpy()
    return floats


def demand_values(table: pa.Table, inputs: Sequence[str]) -> None:
    """Refuse inputs without a single value: their source or view is broken.

    Raises:
        InvalidData: names every such input.
    """
    empty = [name for name in inputs if table[name].null_count == table.num_rows]
    if empty:
        raise InvalidData(
            f"No row has a value for: {', '.join(empty)}.",
            hint="Repair the feature view, or take the input out of the model.",
        )


def _encoded(
    name: str, column: pa.ChunkedArray, values: tuple[str, ...] | None
) -> npt.NDArray[np.floating]:
    if values is None:
        return numbers(name, column)
    codes = pc.index_in(
        column.cast(pa.string()), value_set=pa.array(values, pa.string())
    )
    encoded: Targets = codes.cast(pa.float64()).to_numpy()
    return encoded
