"""Reads the expression subset from sqlglot's syntax tree, refusing all the rest."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite

import sqlglot
from sqlglot import exp

from analytics_platform.core.expressions import (
    Arithmetic,
    ArithmeticOperator,
    Branch,
    Case,
    Coalesce,
    Column,
    Comparison,
    ComparisonOperator,
    Constant,
    InvalidExpression,
    IsNull,
    Kind,
    Logical,
    LogicalOperator,
    Negation,
    Node,
    Not,
)

# Deep enough for any rule a person writes, far below Python's recursion limit.
_DEEPEST = 60

_ARITHMETIC: dict[type[exp.Expr], ArithmeticOperator] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
}
_COMPARISONS: dict[type[exp.Expr], ComparisonOperator] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_LOGICAL: dict[type[exp.Expr], LogicalOperator] = {exp.And: "and", exp.Or: "or"}


def read(text: str) -> Node:
    """The nodes of `text`, kinds not yet settled.

    Raises:
        InvalidExpression: it cannot be read or is outside the subset.
    """
    try:
        tree = sqlglot.parse_one(text, dialect="duckdb")
    except sqlglot.errors.SqlglotError as error:
        raise _unreadable(text, error) from error
    except RecursionError as error:
        raise InvalidExpression(text, "it is nested too deeply") from error
    return _Reader(text).node(tree, depth=0)


@dataclass(frozen=True)
class _Reader:
    text: str

    def node(self, tree: exp.Expr, depth: int) -> Node:
        if depth > _DEEPEST:
            raise self.refusal(tree, "is nested too deeply")
        reader = _READERS.get(type(tree))
        if reader is None:
            raise self.refusal(tree, f"({tree.key}) is outside the subset")
        return reader(self, tree, depth + 1)

    def column(self, tree: exp.Expr, _depth: int) -> Node:
        name = tree.this
        if tree.args.get("table") or not isinstance(name, exp.Identifier):
            raise self.refusal(tree, "is not the name of a column alone")
        text = name.this if name.quoted else name.this.lower()
        return Column(text, position=self.position(tree))

    def literal(self, tree: exp.Expr, _depth: int) -> Node:
        position = self.position(tree)
        if tree.is_string:
            return Constant(tree.this, Kind.TEXT, position=position)
        number = float(tree.this)
        if not isfinite(number):
            raise self.refusal(tree, "is beyond the range of doubles")
        return Constant(number, Kind.NUMBER, position=position)

    def boolean(self, tree: exp.Expr, _depth: int) -> Node:
        return Constant(bool(tree.this), Kind.BOOLEAN, position=self.position(tree))

    def null(self, tree: exp.Expr, _depth: int) -> Node:
        return Constant(None, position=self.position(tree))

    def brackets(self, tree: exp.Expr, depth: int) -> Node:
        return self.node(tree.this, depth)

    def negation(self, tree: exp.Expr, depth: int) -> Node:
        operand = self.node(tree.this, depth)
        return Negation(operand, position=self.position(tree))

    def negated_condition(self, tree: exp.Expr, depth: int) -> Node:
        return Not(self.node(tree.this, depth), position=self.position(tree))

    def binary(self, tree: exp.Expr, depth: int) -> Node:
        left = self.node(tree.this, depth)
        right = self.node(tree.expression, depth)
        position = self.position(tree)
        operator = type(tree)
        if operator in _ARITHMETIC:
            return Arithmetic(_ARITHMETIC[operator], left, right, position=position)
        if operator in _COMPARISONS:
            return Comparison(_COMPARISONS[operator], left, right, position=position)
        return Logical(_LOGICAL[operator], left, right, position=position)

    def null_test(self, tree: exp.Expr, depth: int) -> Node:
        if not isinstance(tree.expression, exp.Null):
            raise self.refusal(tree, "is neither `is null` nor `is not null`")
        return IsNull(self.node(tree.this, depth), position=self.position(tree))

    def case(self, tree: exp.Expr, depth: int) -> Node:
        subject = tree.args.get("this")
        default = tree.args.get("default")
        branches = []
        for branch in tree.args["ifs"]:
            condition = self.node(branch.this, depth)
            position = condition.position
            if subject is not None:
                left = self.node(subject, depth)
                condition = Comparison("=", left, condition, position=position)
            result = self.node(branch.args["true"], depth)
            branches.append(Branch(condition, result, position=position))
        position = self.position(tree)
        otherwise = (
            Constant(None, position=position)
            if default is None
            else self.node(default, depth)
        )
        return Case(tuple(branches), otherwise, position=position)

    def coalesce(self, tree: exp.Expr, depth: int) -> Node:
        operands = [tree.this, *tree.expressions]
        return Coalesce(
            tuple(self.node(operand, depth) for operand in operands),
            position=self.position(tree),
        )

    def refusal(self, tree: exp.Expr, problem: str) -> InvalidExpression:
        written = tree.sql(dialect="duckdb", comments=False)
        return InvalidExpression(
            self.text, f"`{written}` {problem}", position=self.position(tree)
        )

    def position(self, tree: exp.Expr) -> int:
        """Where the first part with a known place starts, counted from 1."""
        starts = [
            part.meta["start"] for part in tree.walk() if "start" in part.meta
        ] or [max(self.text.lower().find(tree.sql(dialect="duckdb").lower()), 0)]
        return int(min(starts)) + 1


_Read = Callable[[_Reader, exp.Expr, int], Node]
_READERS: dict[type[exp.Expr], _Read] = {
    exp.Column: _Reader.column,
    exp.Literal: _Reader.literal,
    exp.Boolean: _Reader.boolean,
    exp.Null: _Reader.null,
    exp.Paren: _Reader.brackets,
    exp.Neg: _Reader.negation,
    exp.Not: _Reader.negated_condition,
    exp.Is: _Reader.null_test,
    exp.Case: _Reader.case,
    exp.Coalesce: _Reader.coalesce,
    **dict.fromkeys([*_ARITHMETIC, *_COMPARISONS, *_LOGICAL], _Reader.binary),
}


def _unreadable(text: str, error: sqlglot.errors.SqlglotError) -> InvalidExpression:
    details = getattr(error, "errors", None) or [{}]
    what = details[0].get("highlight") or text.strip()
    column = details[0].get("col") or 1
    problem = f"`{what}` cannot be read" if what else "it is empty"
    return InvalidExpression(text, problem, position=int(column))
