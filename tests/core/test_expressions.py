"""What the expression subset reads, and how it refuses the rest."""

import pytest

from analytics_platform.core.expressions import (
    ALLOWED,
    Arithmetic,
    Column,
    Constant,
    InvalidExpression,
    Kind,
    parse,
)


def test_expression_becomes_a_tree_of_its_own() -> None:
    assert parse("Amount + 2").root == Arithmetic(
        "+", Column("amount", Kind.NUMBER), Constant(2.0, Kind.NUMBER)
    )


@pytest.mark.parametrize(
    ("text", "construct", "position"),
    [
        ("amount + abs(delta)", "`ABS(delta)` (abs)", 10),
        ("note like 'x%'", "`note LIKE 'x%'` (like)", 1),
        ("1 + (select 2)", "(subquery)", 13),
        ("sum(a)", "`SUM(a)` (sum)", 1),
        ("a + sum(b) over ()", "(window)", 5),
        ("a in (1, 2)", "(in)", 1),
        ("a between 1 and 2", "(between)", 1),
        ("cast(a as int)", "(cast)", 6),
        ("a::int", "(cast)", 1),
        ("other.a", "`other.a` is not the name of a column alone", 1),
        ("a % 2", "(mod)", 1),
        ("now()", "`", 1),
        ("a > current_timestamp", "(currenttimestamp)", 5),
        ("*", "(star)", 1),
        ("a is true", "is neither `is null` nor `is not null`", 1),
        ("a b", "(alias)", 1),
        ("a; drop table a", "(block)", 1),
        ("?", "(placeholder)", 1),
        ("if(a, 1, 2)", "(if)", 4),
        ("a +", "`+` cannot be read", 3),
        ("a, b", "`,` cannot be read", 2),
        ("", "it is empty", 1),
        ("   ", "it is empty", 1),
        ("1e999", "beyond the range of doubles", 1),
        ("'a' + 1", "a number is needed, a text was given", 1),
        ("1 + 'b'", "a number is needed, a text was given", 5),
        ("a < 'b'", "a number is needed, a text was given", 5),
        ("case when a then 1 else 'x' end", "a number is needed, a text", 25),
        ("flag and flag > 1", "a number is needed, a boolean was given", 10),
        ("1 and true", "a boolean is needed, a number was given", 1),
        ("coalesce(a, 1, 'x')", "a number is needed, a text was given", 16),
    ],
)
def test_refusal_names_the_construct_its_place_and_what_is_allowed(
    text: str, construct: str, position: int
) -> None:
    with pytest.raises(InvalidExpression) as refused:
        parse(text)
    assert construct in refused.value.problem
    assert refused.value.position == position
    assert ALLOWED in str(refused.value)


@pytest.mark.parametrize(
    "text", ["(" * 5000 + "a" + ")" * 5000, "+".join("a" * 500), "not " * 3000 + "a"]
)
def test_nesting_without_end_is_refused(text: str) -> None:
    with pytest.raises(InvalidExpression, match=r"nested too deeply|cannot be read"):
        parse(text)


def test_columns_are_named_with_the_kind_their_use_asks_for() -> None:
    expression = parse("case when late and note = 'x' then a / b end")
    assert expression.kind is Kind.NUMBER
    assert expression.columns == {
        "a": Kind.NUMBER,
        "b": Kind.NUMBER,
        "late": Kind.BOOLEAN,
        "note": Kind.TEXT,
    }


def test_kind_of_one_column_follows_from_another_use_of_it() -> None:
    assert parse("a = b and b > 1").columns == {"a": Kind.NUMBER, "b": Kind.NUMBER}


def test_null_test_takes_a_column_of_any_kind() -> None:
    assert parse("happened_at is not null", Kind.BOOLEAN).columns == {
        "happened_at": None
    }


def test_wanted_kind_settles_a_lone_column() -> None:
    assert parse("a", Kind.NUMBER).columns == {"a": Kind.NUMBER}
    assert parse("a").kind is None
    with pytest.raises(InvalidExpression, match="a boolean is needed"):
        parse("a + 1", Kind.BOOLEAN)


def test_quoted_name_keeps_its_case() -> None:
    assert list(parse('"Amount" + AMOUNT').columns) == ["Amount", "amount"]
