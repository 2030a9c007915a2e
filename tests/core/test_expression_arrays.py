"""The evaluator over arrays, with expectations worked by hand."""

import pytest

from analytics_platform.core.expression_arrays import Values, evaluate
from analytics_platform.core.expressions import Kind, parse

TRUTHS = [True, False, None]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a and b", [True, False, None, False, False, False, None, False, None]),
        ("a or b", [True, True, True, True, False, None, True, None, None]),
        ("a = b", [True, False, None, False, True, None, None, None, None]),
        ("not a", [False] * 3 + [True] * 3 + [None] * 3),
        ("a is null", [False] * 6 + [True] * 3),
    ],
)
def test_conditions_follow_three_valued_logic(
    text: str, wanted: list[bool | None]
) -> None:
    pairs = [(a, b) for a in TRUTHS for b in TRUTHS]
    columns = {
        "a": Values.of([a for a, _ in pairs], Kind.BOOLEAN),
        "b": Values.of([b for _, b in pairs], Kind.BOOLEAN),
    }
    got = evaluate(parse(text, Kind.BOOLEAN), columns, len(pairs))
    assert got.to_list() == wanted


def test_arithmetic_is_in_doubles_and_division_by_zero_is_null() -> None:
    columns = {"a": Values.of([7, 7, None, -1], Kind.NUMBER)}
    columns["b"] = Values.of([2, 0, 1, 4], Kind.NUMBER)
    assert evaluate(parse("a / b"), columns, 4).to_list() == [3.5, None, None, -0.25]
    assert evaluate(parse("-a * b + 1"), columns, 4).to_list() == [-13, 1, None, 5]


def test_case_takes_the_first_branch_that_is_true_and_skips_null_conditions() -> None:
    columns = {"a": Values.of([None, 1, 5, 50], Kind.NUMBER)}
    text = "case when a > 10 then 'big' when a > 2 then 'middle' else 'small' end"
    got = evaluate(parse(text), columns, 4).to_list()
    assert got == ["small", "small", "middle", "big"]


def test_coalesce_takes_the_first_value_that_is_there() -> None:
    columns = {"a": Values.of(["x", None, None], Kind.TEXT)}
    columns["b"] = Values.of(["y", "z", None], Kind.TEXT)
    assert evaluate(parse("coalesce(a, b)"), columns, 3).to_list() == ["x", "z", None]


def test_lone_column_is_given_back_as_it_is() -> None:
    column = Values.of([1, None], Kind.NUMBER)
    assert evaluate(parse("a"), {"a": column}, 2) is column


def test_constant_has_a_value_for_every_row() -> None:
    assert evaluate(parse("1"), {}, 3).to_list() == [1, 1, 1]
