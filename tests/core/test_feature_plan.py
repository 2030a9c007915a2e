"""How a view's features are sorted into values, windows and lags."""

from datetime import timedelta

import pytest

from analytics_platform.contracts.domain import Aggregate, FeatureSpec
from analytics_platform.core.feature_plan import plan_features
from tests.support.feature_histories import view_of

TYPES = {"amount": "INTEGER", "ratio": "DOUBLE", "price": "DECIMAL(18,2)"}
A, B = timedelta(hours=1), timedelta(hours=2)


def spec(
    expression: str,
    aggregate: Aggregate = Aggregate.SUM,
    length: timedelta = A,
    condition: str | None = None,
) -> FeatureSpec:
    return FeatureSpec(
        name="feature",
        description="A feature.",
        aggregate=aggregate,
        expression=expression,
        filter=condition,
        length=length,
    )


def test_equal_values_are_kept_once_whatever_their_window() -> None:
    plan = plan_features(view_of([spec("ratio"), spec("ratio", length=B)]), TYPES)
    assert len(plan.values()) == 1
    assert [window.length for window in plan.windows()] == [A, B]
    assert plan.lags() == [timedelta(0)]


def test_same_expression_under_another_filter_is_another_value() -> None:
    filtered = spec("ratio", condition="amount > 1")
    assert len(plan_features(view_of([spec("ratio"), filtered]), TYPES).values()) == 2


def test_values_that_are_never_null_are_counted_together() -> None:
    flag = "case when amount > 1 then 1 else 0 end"
    known = spec("ratio is not null", Aggregate.COUNT)
    plan = plan_features(
        view_of([spec("1"), spec(flag), known, spec("ratio"), spec("1 / 2")]), TYPES
    )
    assert [value.counted_by for value in plan.values()] == [0, 0, 0, 3, 4]


@pytest.mark.parametrize(
    ("expression", "is_whole"),
    [
        ("amount", True),
        ("-amount * 2 + 1", True),
        ("coalesce(amount, 0)", True),
        (
            "case when ratio > 0.5 then 1 when ratio is null then null else amount end",
            True,
        ),
        ("ratio", False),
        ("price", False),
        ("amount / 2", False),
        ("amount * 0.5", False),
        ("coalesce(ratio, 1)", False),
    ],
)
def test_whole_numbers_are_told_from_others(expression: str, *, is_whole: bool) -> None:
    [value] = plan_features(view_of([spec(expression)]), TYPES).values()
    assert value.is_whole is is_whole


def test_features_are_computed_by_what_their_aggregate_needs() -> None:
    specs = [spec("ratio", aggregate) for aggregate in Aggregate]
    plan = plan_features(view_of(specs), TYPES)
    groups = {item.feature.aggregate.value: item.group for item in plan.features}
    assert groups == {
        "count": "tally",
        "sum": "tally",
        "mean": "tally",
        "min": "extreme",
        "max": "extreme",
        "latest": "latest",
    }
