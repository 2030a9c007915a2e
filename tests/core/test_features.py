"""Reach, columns, lineage and checks of feature views."""

from datetime import date, timedelta
from typing import Literal

import pytest

from analytics_platform.contracts.domain import (
    Aggregate,
    FeatureSpec,
    FeatureView,
    Partitions,
    Spine,
)
from analytics_platform.core.feature_types import (
    InvalidFeatureView,
    check_types,
    is_whole_type,
    kind_of_type,
)
from analytics_platform.core.features import (
    column_sources,
    definition_version,
    output_columns,
    reach_back,
    relation_of,
)
from analytics_platform.core.partitions import key_of, keys
from analytics_platform.errors import InvalidUsage

SPINE = Spine(
    source="fct_orders", key=("order_id",), cutoff="due_at", columns=("channel",)
)
SOURCE_TYPES = {
    "customer": "VARCHAR",
    "paid_at": "TIMESTAMP",
    "booked_at": "TIMESTAMP",
    "amount": "DECIMAL(18,2)",
    "returned": "BOOLEAN",
}
SPINE_TYPES = {
    "order_id": "BIGINT",
    "client": "VARCHAR",
    "due_at": "TIMESTAMP",
    "partition_date": "DATE",
}


def spec(name: str = "spent", days: int = 7, **changes: object) -> FeatureSpec:
    told: dict[str, object] = {
        "name": name,
        "description": "Money spent.",
        "aggregate": Aggregate.SUM,
        "expression": "amount",
        "length": timedelta(days=days),
    }
    return FeatureSpec.model_validate(told | changes)


def view(*features: FeatureSpec, **changes: object) -> FeatureView:
    told: dict[str, object] = {
        "name": "customer_payments",
        "description": "What the customer paid lately.",
        "owner": "team:data",
        "entity": ("customer",),
        "spine_entity": ("client",),
        "source": "staging.stg_payments",
        "event_time": "paid_at",
        "knowledge_time": "booked_at",
        "ttl": timedelta(days=1),
        "features": features or (spec(),),
    }
    return FeatureView.model_validate(told | changes)


def year(grain: Literal["day", "week", "month"]) -> Partitions:
    return Partitions(grain=grain, start=date(2013, 1, 1), end=date(2014, 1, 1))


# March 1st minus 26 + 2 days is February 1st; minus one more day is January.
@pytest.mark.parametrize(
    ("grain", "days", "back"),
    [
        ("month", 1, 1),
        ("month", 26, 1),
        ("month", 27, 2),
        ("month", 57, 2),
        ("month", 58, 3),
        ("day", 7, 9),
        ("week", 5, 1),
        ("week", 6, 2),
    ],
)
def test_reach_back_covers_the_longest_window_and_the_skew(
    grain: Literal["day", "week", "month"], days: int, back: int
) -> None:
    assert reach_back(view(spec(days=days), spec("short", 1)), year(grain)) == back


def test_reach_back_counts_the_lag() -> None:
    late = spec(days=20, lag=timedelta(days=7))
    assert reach_back(view(late), year("month")) == 2


@pytest.mark.parametrize("grain", ["day", "week", "month"])
@pytest.mark.parametrize("days", [1, 12, 26, 30, 45])
def test_reach_back_is_the_least_that_holds_every_needed_day(
    grain: Literal["day", "week", "month"], days: int
) -> None:
    partitions = Partitions(grain=grain, start=date(2010, 1, 1), end=date(2014, 1, 1))
    every = keys(partitions)
    needed = []
    for position, key in enumerate(every):
        oldest = date.fromisoformat(key) - timedelta(days=days + 2)
        if oldest >= date(2010, 1, 3):
            needed.append(position - every.index(key_of(partitions, oldest)))
    assert reach_back(view(spec(days=days)), partitions) == max(needed)


def test_columns_are_key_entity_cutoff_partition_and_features() -> None:
    assert output_columns(view(), SPINE) == (
        "order_id",
        "customer",
        "cutoff",
        "partition_date",
        "spent",
    )


def test_name_used_twice_is_refused() -> None:
    with pytest.raises(InvalidUsage, match="uses customer twice"):
        output_columns(view(spec("customer")), SPINE)


def test_feature_comes_from_its_columns_its_entity_and_the_cutoff() -> None:
    filtered = spec(filter="not returned")
    sources = column_sources(view(filtered, where="amount > 0"), SPINE)
    history, rows = "staging.stg_payments", "marts.fct_orders"
    assert set(sources["spent"]) == {
        (history, "amount"),
        (history, "returned"),
        (history, "customer"),
        (history, "paid_at"),
        (history, "booked_at"),
        (rows, "client"),
        (rows, "due_at"),
    }
    assert sources["customer"] == ((rows, "client"),)
    assert sources["cutoff"] == ((rows, "due_at"),)


def test_source_without_schema_is_a_mart() -> None:
    assert relation_of("fct_orders") == "marts.fct_orders"
    assert relation_of("staging.stg_payments") == "staging.stg_payments"


def test_version_changes_with_what_decides_values_only() -> None:
    version = definition_version(view(), SPINE)
    assert definition_version(view(description="Other words."), SPINE) == version
    assert definition_version(view(spec(days=8)), SPINE) != version
    moved = SPINE.model_copy(update={"ahead": timedelta(hours=1)})
    assert definition_version(view(), moved) != version


def test_fitting_types_are_accepted() -> None:
    check_types(view(), SPINE, SOURCE_TYPES, SPINE_TYPES)


def test_every_misfit_is_named_at_once() -> None:
    wrong = view(
        spec(expression="total"),
        spec("returns", expression="returned"),
        spec("other", filter="amount"),
        knowledge_time="seen_at",
    )
    with pytest.raises(InvalidFeatureView) as refused:
        check_types(wrong, SPINE, SOURCE_TYPES, {"order_id": "BIGINT"})
    told = "\n".join(refused.value.problems)
    for part in (
        "staging.stg_payments has no column seen_at",
        "spent: staging.stg_payments has no column total",
        "returns: returned is used as a number, but staging.stg_payments holds BOOLEAN",
        "other (filter): amount is used as a boolean",
        "marts.fct_orders has no column client",
        "marts.fct_orders has no column due_at",
    ):
        assert part in told


def test_table_that_is_not_there_is_named() -> None:
    with pytest.raises(InvalidFeatureView, match="stg_payments does not exist"):
        check_types(view(), SPINE, {}, SPINE_TYPES)


def test_entities_of_different_length_are_refused() -> None:
    uneven = view(spine_entity=("client", "shop"))
    with pytest.raises(InvalidFeatureView, match="equally many columns"):
        check_types(uneven, SPINE, SOURCE_TYPES, SPINE_TYPES)


@pytest.mark.parametrize(
    ("engine_type", "kind"),
    [
        ("BIGINT", "number"),
        ("double precision", "number"),
        ("DECIMAL(18,2)", "number"),
        ("NUMBER(38,0)", "number"),
        ("character varying", "text"),
        ("boolean", "boolean"),
        ("TIMESTAMP", None),
        ("INTERVAL", None),
        ("DATE", None),
    ],
)
def test_engine_types_are_of_the_kinds_expressions_know(
    engine_type: str, kind: str | None
) -> None:
    assert kind_of_type(engine_type) == kind


def test_only_whole_types_are_added_as_doubles() -> None:
    assert is_whole_type("integer")
    assert not is_whole_type("DECIMAL(18,2)")
    assert not is_whole_type("interval")
