"""Evaluates expressions over numpy arrays, with SQL's treatment of nulls."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics_platform.core.expressions import (
    Arithmetic,
    Case,
    Coalesce,
    Column,
    Comparison,
    Constant,
    Expression,
    IsNull,
    Kind,
    Logical,
    Negation,
    Node,
    Not,
)

_DTYPES = {Kind.NUMBER: np.float64, Kind.BOOLEAN: np.bool_, Kind.TEXT: np.object_}
_COMPARE = {
    "=": np.equal,
    "<>": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}
_CALCULATE = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}


@dataclass(frozen=True)
class Values:
    """n values (float64, bool or object) and which of them are not null (n bools)."""

    data: NDArray[np.generic]
    valid: NDArray[np.bool_]

    @classmethod
    def of(cls, values: list[float | str | bool | None], kind: Kind) -> "Values":
        """Values of one kind, None for null."""
        valid = np.array([value is not None for value in values], dtype=np.bool_)
        filler = "" if kind is Kind.TEXT else 0
        filled = [filler if value is None else value for value in values]
        return cls(np.array(filled, dtype=_DTYPES[kind]), valid)

    def to_list(self) -> list[float | str | bool | None]:
        """Python values, None for null."""
        pairs = zip(self.data.tolist(), self.valid.tolist(), strict=True)
        return [value if valid else None for value, valid in pairs]


def evaluate(
    expression: Expression, columns: Mapping[str, Values], rows: int
) -> Values:
    """The expression's value for each of `rows` rows."""
    # Invalid slots hold fillers, whose overflow or division says nothing.
    with np.errstate(all="ignore"):
        return _evaluate(expression.root, columns, rows)


def _evaluate(node: Node, columns: Mapping[str, Values], rows: int) -> Values:
    match node:
        case Column() | Constant():
            return _leaf(node, columns, rows)
        case Negation() | Not() | IsNull():
            return _unary(node, _evaluate(node.operand, columns, rows))
        case Case():
            return _case(node, columns, rows)
        case Coalesce():
            first, *rest = (_evaluate(part, columns, rows) for part in node.operands)
            for other in rest:
                first = _choose(first.valid, first, other)
            return first
    return _pair(
        node, _evaluate(node.left, columns, rows), _evaluate(node.right, columns, rows)
    )


def _leaf(node: Column | Constant, columns: Mapping[str, Values], rows: int) -> Values:
    if isinstance(node, Constant):
        one = Values.of([node.value], node.kind or Kind.NUMBER)
        return Values(np.repeat(one.data, rows), np.repeat(one.valid, rows))
    values = columns[node.name]
    if node.kind is None:
        return values
    return Values(values.data.astype(_DTYPES[node.kind]), values.valid)


def _unary(node: Negation | Not | IsNull, values: Values) -> Values:
    if isinstance(node, IsNull):
        return Values(~values.valid, np.ones_like(values.valid))
    opposite = np.negative if isinstance(node, Negation) else np.logical_not
    return Values(opposite(values.data), values.valid)


def _pair(
    node: Arithmetic | Comparison | Logical, left: Values, right: Values
) -> Values:
    both = left.valid & right.valid
    if isinstance(node, Logical):
        return _logical(node, left, right)
    if isinstance(node, Comparison):
        data = _COMPARE[node.operator](left.data, right.data).astype(np.bool_)
        return Values(data, both)
    if node.operator == "/":
        both = both & (right.data != 0)
    return Values(_CALCULATE[node.operator](left.data, right.data), both)


def _logical(node: Logical, left: Values, right: Values) -> Values:
    # Kleene: one false decides `and`, one true decides `or`, whatever the other is.
    deciding = node.operator == "or"
    decided = (left.valid & (left.data == deciding)) | (
        right.valid & (right.data == deciding)
    )
    data = decided if deciding else ~decided
    return Values(data, decided | (left.valid & right.valid))


def _case(node: Case, columns: Mapping[str, Values], rows: int) -> Values:
    result = _evaluate(node.otherwise, columns, rows)
    for branch in reversed(node.branches):
        condition = _evaluate(branch.condition, columns, rows)
        holds = condition.valid & condition.data.astype(np.bool_)
        result = _choose(holds, _evaluate(branch.result, columns, rows), result)
    return result


def _choose(which: NDArray[np.bool_], yes: Values, no: Values) -> Values:
    return Values(
        np.where(which, yes.data, no.data), np.where(which, yes.valid, no.valid)
    )
