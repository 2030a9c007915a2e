"""What dbt's metrics become for a stream, and which of them are refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from analytics_platform.core.live_metrics import (
    BatchOnlyMetric,
    Derived,
    Figure,
    Ratio,
    Reading,
)
from analytics_platform.core.semantic_manifest import live_metric
from analytics_platform.errors import NotFound
from tests.support.semantic_yaml import FLIGHTS, manifest, manifest_of

ORDERS: dict[str, Any] = {
    "name": "orders",
    "model": "ref('fct_orders')",
    "entities": [{"name": "shop", "type": "foreign", "expr": "shop_code"}],
    "dimensions": [
        {"name": "kind", "type": "categorical", "expr": "order_kind"},
        {"name": "ordered_at", "type": "time"},
    ],
    "measures": [
        {"name": "orders", "agg": "count", "expr": "order_id"},
        {"name": "shops", "agg": "count_distinct", "expr": "shop_code"},
        {"name": "amount", "agg": "sum"},
        {"name": "is_late", "agg": "sum_boolean"},
        {"name": "middle", "agg": "median", "expr": "amount"},
        {
            "name": "discrete",
            "agg": "percentile",
            "expr": "amount",
            "agg_params": {"percentile": 0.9, "use_discrete_percentile": True},
        },
        {"name": "rounded", "agg": "sum", "expr": "round(amount)"},
        {
            "name": "stock",
            "agg": "sum",
            "expr": "amount",
            "non_additive_dimension": {"name": "ordered_at"},
        },
    ],
}
SHOPS = {
    "name": "shops",
    "model": "ref('dim_shops')",
    "measures": [
        {"name": "seats", "agg": "sum"},
    ],
}


def simple(name: str, measure: object = None, **more: object) -> dict[str, Any]:
    return {
        "name": name,
        "type": "simple",
        "type_params": {"measure": measure or name},
        **more,
    }


def found(*metrics: dict[str, Any], name: str = "") -> Any:
    whole = manifest({"semantic_models": [ORDERS, SHOPS], "metrics": list(metrics)})
    return live_metric(whole, name or metrics[0]["name"])


def reading(*metrics: dict[str, Any]) -> Reading:
    formula = found(*metrics).formula
    assert isinstance(formula, Reading)
    return formula


def test_a_count_counts_values_that_are_not_null() -> None:
    one = reading(simple("orders"))
    assert one.slot.value is not None
    assert (one.figure, one.slot.value.text) == (Figure.COUNT, "order_id")


def test_a_measure_without_expression_is_its_own_column() -> None:
    one = reading(simple("amount"))
    assert one.slot.value is not None
    assert (one.figure, one.slot.value.text) == (Figure.SUM, "amount")


def test_a_sum_of_conditions_counts_the_true_ones() -> None:
    one = reading(simple("is_late"))
    assert one.slot.value is not None
    assert one.slot.value.text == "case when is_late then 1 else 0 end"


def test_a_median_is_the_quantile_in_the_middle() -> None:
    one = reading(simple("middle"))
    assert (one.figure, one.rank) == (Figure.QUANTILE, 0.5)


def test_filters_of_metric_and_measure_both_hold() -> None:
    one = reading(
        simple(
            "late_web_orders",
            {"name": "orders", "filter": "{{ Dimension('order__kind') }} = 'web'"},
            filter="{{ Entity('shop') }} <> 'north'",
        )
    )
    texts = [condition.text for condition in one.slot.where]
    assert texts == ["shop_code <> 'north'", "order_kind = 'web'"]


def test_a_metric_filled_where_null_has_that_value() -> None:
    one = reading(simple("filled", {"name": "amount", "fill_nulls_with": 0}))
    assert one.otherwise == 0


def test_a_ratio_filters_both_of_its_parts() -> None:
    ratio = {
        "name": "share",
        "type": "ratio",
        "type_params": {"numerator": "is_late", "denominator": "orders"},
        "filter": "{{ Dimension('order__kind') }} = 'web'",
    }
    formula = found(ratio, simple("is_late"), simple("orders")).formula
    assert isinstance(formula, Ratio)
    for part in (formula.numerator, formula.denominator):
        assert isinstance(part, Reading)
        assert [one.text for one in part.slot.where] == ["order_kind = 'web'"]


def test_a_derived_metric_knows_its_parts_by_alias() -> None:
    derived = {
        "name": "per_order",
        "type": "derived",
        "type_params": {
            "expr": "total / n",
            "metrics": [
                {"name": "amount", "alias": "total"},
                {"name": "orders", "alias": "n"},
            ],
        },
    }
    formula = found(derived, simple("amount"), simple("orders")).formula
    assert isinstance(formula, Derived)
    assert formula.expression.text == "total / n"
    assert [name for name, _ in formula.inputs] == ["total", "n"]


@pytest.mark.parametrize(
    ("metric", "why"),
    [
        (simple("discrete"), "its percentile is discrete"),
        (simple("rounded"), r"'round\(amount\)' is outside the subset"),
        (simple("stock"), "the measure stock is not additive"),
        (simple("x", {"name": "amount", "join_to_timespine": True}), "time spine"),
        (
            simple("x", "amount", filter="{{ Dimension('shop__city') }} = 'Rome'"),
            "shop__city of another table",
        ),
        (
            simple("x", "amount", filter="{{ TimeDimension('ordered_at') }} > 1"),
            "TimeDimension",
        ),
        ({"name": "x", "type": "cumulative", "type_params": {}}, "x is a cumulative"),
    ],
)
def test_what_a_stream_cannot_compute_is_refused_by_name_and_reason(
    metric: dict[str, Any], why: str
) -> None:
    with pytest.raises(BatchOnlyMetric, match=why) as refused:
        found(metric)
    assert refused.value.metric == metric["name"]


def test_an_earlier_time_is_refused() -> None:
    derived = {
        "name": "growth",
        "type": "derived",
        "type_params": {
            "expr": "amount - before",
            "metrics": [
                {"name": "amount"},
                {"name": "amount", "alias": "before", "offset_window": "1 week"},
            ],
        },
    }
    with pytest.raises(BatchOnlyMetric, match="amount is taken from an earlier time"):
        found(derived, simple("amount"))


def test_a_metric_of_two_tables_is_refused() -> None:
    ratio = {
        "name": "per_seat",
        "type": "ratio",
        "type_params": {"numerator": "amount", "denominator": "seats"},
    }
    with pytest.raises(BatchOnlyMetric, match="it joins marts"):
        found(ratio, simple("amount"), simple("seats"))


def test_a_metric_that_names_itself_is_refused() -> None:
    loop = {
        "name": "loop",
        "type": "ratio",
        "type_params": {"numerator": "loop", "denominator": "loop"},
    }
    with pytest.raises(BatchOnlyMetric, match="defined by itself"):
        found(loop)


def test_an_unknown_metric_is_said_with_those_there_are() -> None:
    with pytest.raises(NotFound, match="It has amount, orders"):
        found(simple("orders"), simple("amount"), name="sales")


def test_every_metric_of_the_reference_domain_can_be_live() -> None:
    whole = manifest_of(FLIGHTS)
    for metric in whole["metrics"]:
        assert live_metric(whole, metric["name"]).relation == "marts.fct_flights"


def test_dbts_own_manifest_says_the_same(built_home: Path) -> None:
    path = built_home / "dbt/duckdb/target/semantic_manifest.json"
    from_dbt, from_yaml = json.loads(path.read_bytes()), manifest_of(FLIGHTS)
    names = [metric["name"] for metric in from_dbt["metrics"]]
    assert len(names) >= 10
    for name in names:
        assert live_metric(from_dbt, name) == live_metric(from_yaml, name)
