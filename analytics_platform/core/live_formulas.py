"""Computes metrics from figures of slots, wherever the figures were found."""

from collections.abc import Callable

import numpy as np

from analytics_platform.core.expression_arrays import Values, evaluate
from analytics_platform.core.live_metrics import Formula, Ratio, Reading


def compute(formula: Formula, read: Callable[[Reading], Values], rows: int) -> Values:
    """The formula's value in each of `rows` windows; `read` gives its figures."""
    match formula:
        case Reading():
            return _filled(read(formula), formula.otherwise)
        case Ratio():
            above = compute(formula.numerator, read, rows)
            below = compute(formula.denominator, read, rows)
            valid = above.valid & below.valid & (below.data != 0)
            divisor = np.where(valid, below.data, 1).astype(np.float64)
            return Values(above.data.astype(np.float64) / divisor, valid)
    inputs = {name: compute(part, read, rows) for name, part in formula.inputs}
    return evaluate(formula.expression, inputs, rows)


def _filled(found: Values, otherwise: float | None) -> Values:
    if otherwise is None:
        return found
    filled = np.where(found.valid, found.data, otherwise)
    return Values(filled.astype(found.data.dtype), np.ones(filled.size, np.bool_))
