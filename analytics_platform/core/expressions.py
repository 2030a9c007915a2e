"""The expression subset of declarations: parsed once, compiled wherever it is needed.

Every number is a finite double, whole columns and literals included: `/` never
truncates, and division by zero is null. Text is compared for equality only, because
engines order it differently. Conditions follow SQL's three-valued logic. A calculation
that leaves the range of doubles is an error or infinity, as the engine has it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Literal, TypeAlias

from analytics_platform.errors import InvalidUsage

ALLOWED = (
    "columns, literals (numbers, 'text', true, false, null), + - * /, "
    "= <> < <= > >=, and, or, not, is [not] null, case, coalesce"
)


class Kind(StrEnum):
    """What a value is; the subset knows no others."""

    NUMBER = "number"
    TEXT = "text"
    BOOLEAN = "boolean"


ArithmeticOperator = Literal["+", "-", "*", "/"]
ComparisonOperator = Literal["=", "<>", "<", "<=", ">", ">="]
LogicalOperator = Literal["and", "or"]


@dataclass(frozen=True, kw_only=True)
class _Part:
    """A part of an expression; `position` is its first character, counted from 1."""

    position: int = field(default=1, compare=False, repr=False)


@dataclass(frozen=True)
class Column(_Part):
    """A column; its kind is None where its use allows any."""

    name: str
    kind: Kind | None = None


@dataclass(frozen=True)
class Constant(_Part):
    """A literal; null takes the kind that its surroundings ask for, if any."""

    value: float | str | bool | None
    kind: Kind | None = None


@dataclass(frozen=True)
class Negation(_Part):
    """Minus a number."""

    operand: "Node"


@dataclass(frozen=True)
class Arithmetic(_Part):
    """Two numbers and an operator; null if either is null or the divisor is zero."""

    operator: ArithmeticOperator
    left: "Node"
    right: "Node"


@dataclass(frozen=True)
class Comparison(_Part):
    """Two values of one kind; null if either is null."""

    operator: ComparisonOperator
    left: "Node"
    right: "Node"


@dataclass(frozen=True)
class Logical(_Part):
    """Two conditions in three-valued logic."""

    operator: LogicalOperator
    left: "Node"
    right: "Node"


@dataclass(frozen=True)
class Not(_Part):
    """The opposite of a condition; null stays null."""

    operand: "Node"


@dataclass(frozen=True)
class IsNull(_Part):
    """Whether a value is missing; never null itself."""

    operand: "Node"


@dataclass(frozen=True)
class Branch(_Part):
    """One `when ... then ...` of a case."""

    condition: "Node"
    result: "Node"


@dataclass(frozen=True)
class Case(_Part):
    """The result of the first branch whose condition is true, else `otherwise`."""

    branches: tuple[Branch, ...]
    otherwise: "Node"


@dataclass(frozen=True)
class Coalesce(_Part):
    """The first value that is not null."""

    operands: tuple["Node", ...]


Node: TypeAlias = (
    Column
    | Constant
    | Negation
    | Arithmetic
    | Comparison
    | Logical
    | Not
    | IsNull
    | Case
    | Coalesce
)


@dataclass(frozen=True)
class Expression:
    """A parsed expression; `kind` is None for a lone column used as it is."""

    text: str
    root: Node
    kind: Kind | None

    @property
    def columns(self) -> dict[str, Kind | None]:
        """The columns it reads, sorted by name, and the kind each must have."""
        found = {part.name: part.kind for part in walk(self.root)}
        return dict(sorted(found.items()))


class InvalidExpression(InvalidUsage):
    """An expression outside the subset; `position` counts characters from 1."""

    def __init__(self, text: str, problem: str, *, position: int = 1) -> None:
        self.text = text
        self.problem = problem
        self.position = position
        super().__init__(
            f"The expression {text!r} cannot be used: "
            f"{problem} at character {position}.",
            hint=f"Allowed: {ALLOWED}. Anything else belongs in a dbt model.",
        )


def walk(node: Node | Branch) -> Iterator[Column]:
    """Every column in `node`, once per mention."""
    if isinstance(node, Column):
        yield node
        return
    for child in children(node):
        yield from walk(child)


def children(node: Node | Branch) -> tuple[Node | Branch, ...]:
    """The parts of `node`, in the order they are written."""
    match node:
        case Column() | Constant():
            return ()
        case Negation() | Not() | IsNull():
            return (node.operand,)
        case Case():
            return (*node.branches, node.otherwise)
        case Branch():
            return (node.condition, node.result)
        case Coalesce():
            return node.operands
    return (node.left, node.right)


@lru_cache(maxsize=1024)
def parse(text: str, kind: Kind | None = None) -> Expression:
    """Read an expression; with `kind`, one whose value is of that kind.

    Raises:
        InvalidExpression: it cannot be read, uses something outside the subset, or
            mixes kinds; names what, where, and what is allowed.
    """
    from analytics_platform.core.expression_kinds import resolve
    from analytics_platform.core.expression_parser import read

    root, found = resolve(text, read(text), kind)
    return Expression(text, root, found)
