"""Compiles expressions to the SQL of any warehouse."""

import sqlglot
from sqlglot import exp

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

_OPERATORS: dict[str, type[exp.Binary]] = {
    "+": exp.Add,
    "-": exp.Sub,
    "*": exp.Mul,
    "/": exp.Div,
    "=": exp.EQ,
    "<>": exp.NEQ,
    "<": exp.LT,
    "<=": exp.LTE,
    ">": exp.GT,
    ">=": exp.GTE,
    "and": exp.And,
    "or": exp.Or,
}
_TYPES = {Kind.NUMBER: "double", Kind.TEXT: "text", Kind.BOOLEAN: "boolean"}

# Its catalog holds unquoted names in upper case, as dbt creates them.
_UNQUOTED_DIALECTS = {"snowflake"}


def compile_sql(expression: Expression, dialect: str = "duckdb") -> str:
    """The expression in the SQL of `dialect` (a sqlglot name)."""
    return write(_compile(expression.root), dialect)


def translate(sql: str, dialect: str) -> str:
    """A statement written for DuckDB, in the SQL of `dialect`.

    Nulls sort as the other engine sorts them: order by what is never null.
    """
    if dialect == "duckdb":
        return sql
    tree = sqlglot.parse_one(sql, dialect="duckdb")
    small = sqlglot.Dialect.get_or_raise(dialect).NULL_ORDERING == "nulls_are_small"
    for ordered in tree.find_all(exp.Ordered):
        ordered.set("nulls_first", small)
    return write(tree, dialect)


def write(tree: exp.Expr, dialect: str) -> str:
    """SQL text; identifiers are quoted where that keeps their meaning."""
    if dialect in _UNQUOTED_DIALECTS:
        for identifier in tree.find_all(exp.Identifier):
            identifier.set("quoted", False)
    return str(tree.sql(dialect=dialect, unsupported_level=sqlglot.ErrorLevel.RAISE))


def _compile(node: Node) -> exp.Expr:
    match node:
        case Column() | Constant():
            return _leaf(node)
        case Negation() | Not() | IsNull():
            return _unary(node)
        case Case():
            return _case(node)
        case Coalesce():
            first, *rest = (_compile(operand) for operand in node.operands)
            return exp.Coalesce(this=first, expressions=rest)
    return _pair(node)


def _unary(node: Negation | Not | IsNull) -> exp.Expr:
    operand = _bracketed(node.operand)
    if isinstance(node, IsNull):
        return exp.Is(this=operand, expression=exp.Null())
    return (
        exp.Neg(this=operand) if isinstance(node, Negation) else exp.Not(this=operand)
    )


def _pair(node: Arithmetic | Comparison | Logical) -> exp.Expr:
    left, right = _bracketed(node.left), _bracketed(node.right)
    if node.operator == "/":
        zero = exp.Literal.number(0)
        right = exp.Nullif(this=right, expression=zero)
        return exp.Div(this=left, expression=right, typed=False, safe=False)
    return _OPERATORS[node.operator](this=left, expression=right)


def _case(node: Case) -> exp.Expr:
    branches = [
        exp.If(this=_compile(branch.condition), true=_compile(branch.result))
        for branch in node.branches
    ]
    return exp.Case(ifs=branches, default=_compile(node.otherwise))


def _leaf(node: Column | Constant) -> exp.Expr:
    if isinstance(node, Column):
        column = exp.column(node.name, quoted=True)
        return exp.cast(column, "double") if node.kind is Kind.NUMBER else column
    if node.value is None:
        null = exp.Null()
        return exp.cast(null, _TYPES[node.kind]) if node.kind else null
    if isinstance(node.value, bool):
        return exp.Boolean(this=node.value)
    if isinstance(node.value, str):
        return exp.Literal.string(node.value)
    # From text: engines read 0.1 as a decimal, and some round it on the way.
    return exp.cast(exp.Literal.string(repr(node.value)), "double")


def _bracketed(node: Node) -> exp.Expr:
    compiled = _compile(node)
    if isinstance(node, Column | Constant | Coalesce | Case):
        return compiled
    return exp.Paren(this=compiled)
