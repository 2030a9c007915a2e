"""Compares expressions as a warehouse computes them with the evaluator over arrays."""

from random import Random

from analytics_platform.adapters.warehouse import Session, Value
from analytics_platform.core.expression_arrays import evaluate
from analytics_platform.core.expression_sql import compile_sql
from analytics_platform.core.expressions import Kind, parse
from tests.support.random_expressions import (
    TYPES,
    Row,
    random_expression,
    random_rows,
    to_arrays,
)


def check_random_expressions(
    session: Session, dialect: str, *, seed: int, expressions: int
) -> list[str]:
    """Where SQL and arrays differ over random expressions and 60 random rows."""
    random = Random(seed)  # noqa: S311 - repeatable, not secret
    rows = random_rows(random, 60)
    _write(session, rows)
    arrays = to_arrays(rows)
    found = []
    for _ in range(expressions):
        kind = random.choice(list(Kind))
        text = random_expression(random, kind)
        expression = parse(text, kind)
        sql = compile_sql(expression, dialect)
        got = [
            row[0] for row in session.rows(f"select {sql} from inputs order by number")
        ]
        wanted = evaluate(expression, arrays, len(rows)).to_list()
        found += [
            f"{text} at {row}: {value!r} in SQL, {other!r} over arrays"
            for row, value, other in zip(rows, got, wanted, strict=True)
            if value != other
        ]
    return found


def _write(session: Session, rows: list[Row]) -> None:
    columns = ", ".join(f"{name} {of}" for name, of in TYPES.items())
    session.execute("drop table if exists inputs")
    session.execute(f"create table inputs (number bigint, {columns})")
    lines = [
        f"({index}, {', '.join(_literal(value) for value in row.values())})"
        for index, row in enumerate(rows)
    ]
    session.execute(f"insert into inputs values {', '.join(lines)}")


def _literal(value: Value) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)
