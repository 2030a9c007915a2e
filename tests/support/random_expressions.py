"""Random expressions of the subset, as text, and rows to evaluate them on."""

from random import Random

from analytics_platform.core.expression_arrays import Values
from analytics_platform.core.expressions import Kind

COLUMNS: dict[str, Kind] = {
    "whole": Kind.NUMBER,
    "small": Kind.NUMBER,
    "real": Kind.NUMBER,
    "word": Kind.TEXT,
    "yes": Kind.BOOLEAN,
    "sure": Kind.BOOLEAN,
}
TYPES = {
    "whole": "integer",
    "small": "bigint",
    "real": "double precision",
    "word": "varchar",
    "yes": "boolean",
    "sure": "boolean",
}
_CHOICES: dict[str, tuple[float | str | bool | None, ...]] = {
    "whole": (None, 0, 1, 2, -7, 100),
    "small": (None, 0, 1, 3, -1),
    "real": (None, 0.0, 0.1, 0.5, -2.25, 1e-3, 1 / 3),
    "word": (None, "a", "A", "it's", ""),
    "yes": (None, True, False),
    "sure": (True, False, False),
}

Row = dict[str, float | str | bool | None]


def random_rows(random: Random, count: int) -> list[Row]:
    """Rows with nulls and zeros in abundance."""
    return [
        {name: random.choice(values) for name, values in _CHOICES.items()}
        for _ in range(count)
    ]


def to_arrays(rows: list[Row]) -> dict[str, Values]:
    """The rows' columns."""
    return {
        name: Values.of([row[name] for row in rows], kind)
        for name, kind in COLUMNS.items()
    }


def random_expression(random: Random, kind: Kind, depth: int = 4) -> str:
    """Text of an expression of that kind, fully bracketed."""
    if depth == 0 or random.random() < 0.1:
        return _leaf(random, kind)
    roll = random.random()
    if roll < 0.15:
        return _case(random, kind, depth)
    if roll < 0.25:
        first, second = (random_expression(random, kind, depth - 1) for _ in range(2))
        return f"coalesce({first}, {second})"
    if kind is Kind.NUMBER:
        return _number(random, depth)
    return _condition(random, depth) if kind is Kind.BOOLEAN else _leaf(random, kind)


def _leaf(random: Random, kind: Kind) -> str:
    columns = [name for name, of in COLUMNS.items() if of is kind]
    literals = {
        Kind.NUMBER: ["0", "1", "2", "0.1", "7.5", "null"],
        Kind.TEXT: ["'a'", "''", "'it''s'", "null"],
        Kind.BOOLEAN: ["true", "false", "null"],
    }[kind]
    return random.choice([*columns, *columns, random.choice(literals)])


def _number(random: Random, depth: int) -> str:
    left = random_expression(random, Kind.NUMBER, depth - 1)
    if random.random() < 0.15:
        return f"(-({left}))"
    right = random_expression(random, Kind.NUMBER, depth - 1)
    return f"({left} {random.choice('+-*//')} {right})"


def _condition(random: Random, depth: int) -> str:
    roll = random.random()
    if roll < 0.35:
        kind = random.choice([Kind.NUMBER, Kind.NUMBER, Kind.TEXT, Kind.BOOLEAN])
        ordered = ["<", "<=", ">", ">="] if kind is Kind.NUMBER else []
        operator = random.choice(["=", "<>", "!=", *ordered])
        # A column on one side, so that the kind of the whole is never open.
        left = random.choice([name for name, of in COLUMNS.items() if of is kind])
        return f"({left} {operator} {random_expression(random, kind, depth - 1)})"
    if roll < 0.5:
        value = random_expression(random, random.choice(list(Kind)), depth - 1)
        return f"({value} is {random.choice(['', 'not '])}null)"
    left = random_expression(random, Kind.BOOLEAN, depth - 1)
    if roll < 0.65:
        return f"(not {left})"
    right = random_expression(random, Kind.BOOLEAN, depth - 1)
    return f"({left} {random.choice(['and', 'or'])} {right})"


def _case(random: Random, kind: Kind, depth: int) -> str:
    branches = " ".join(
        f"when {random_expression(random, Kind.BOOLEAN, depth - 1)} "
        f"then {random_expression(random, kind, depth - 1)}"
        for _ in range(random.randint(1, 3))
    )
    otherwise = random_expression(random, kind, depth - 1)
    return f"case {branches}{random.choice(['', f' else {otherwise}'])} end"
