"""Expressions in DuckDB against the evaluator over arrays, and in other dialects."""

import duckdb
import pytest

from analytics_platform.adapters.duckdb_warehouse import DuckDBSession
from analytics_platform.core.expression_sql import compile_sql
from analytics_platform.core.expressions import Kind, parse
from tests.support.expression_parity import check_random_expressions

DIALECTS = ("duckdb", "postgres", "snowflake", "bigquery", "redshift")


@pytest.mark.parametrize("seed", range(10))
def test_two_hundred_random_expressions_agree_with_the_evaluator(seed: int) -> None:
    with duckdb.connect() as connection:
        found = check_random_expressions(
            DuckDBSession(connection), "duckdb", seed=seed, expressions=200
        )
    assert found == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 / 2", 0.5),
        ("7 / 0", None),
        ("0.0 / -0.0", None),
        ("0.1 + 0.2", 0.30000000000000004),
        ("2 + 3 * 4 - -1", 15),
        ("not null", None),
        ("null and false", False),
        ("null or true", True),
        ("null = null", None),
        ("not 1 = 2 and 3 > 2", True),
        ("null is null", True),
        ("case null when null then 1 else 2 end", 2),
        ("case 2 when 1 then 'a' when 2 then 'b' end", "b"),
        ("coalesce(null, null, 3)", 3),
        ("'it''s' <> 'its'", True),
        ("9007199254740993 = 9007199254740992", True),  # equal as doubles
    ],
)
def test_value_is_the_one_worked_by_hand(text: str, value: object) -> None:
    [row] = duckdb.sql(f"select {compile_sql(parse(text))}").fetchall()
    assert row[0] == value


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_divides_doubles_and_makes_zero_null(dialect: str) -> None:
    sql = compile_sql(parse("a / b"), dialect).lower()
    assert sql.count("cast(") >= 2
    assert "nullif(" in sql


def test_names_are_quoted_but_in_snowflake_where_that_would_change_them() -> None:
    expression = parse("Amount > 1", Kind.BOOLEAN)
    assert '"amount"' in compile_sql(expression, "postgres")
    assert "`amount`" in compile_sql(expression, "bigquery")
    assert '"' not in compile_sql(expression, "snowflake")


def test_text_cannot_break_out_of_its_literal() -> None:
    text = "note = '''; drop table x; --'"
    for dialect in DIALECTS:
        sql = compile_sql(parse(text), dialect)
        assert sql.count("drop table x") == 1
    connection = duckdb.connect()
    connection.execute("create table t as select '''; drop table x; --' as note")
    assert connection.sql(f"select {compile_sql(parse(text))} from t").fetchall() == [
        (True,)
    ]
