"""What is read from a dbt manifest, and how its models are grouped into steps."""

from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.contracts.domain import Severity
from analytics_platform.core.dbt_manifest import (
    Model,
    read_models,
    steps,
)
from tests.support.dbt_manifests import check_node, manifest, model_node, source_node


def read(*nodes: dict[str, object]) -> tuple[Model, ...]:
    return read_models(manifest(*nodes))


def test_a_model_tells_what_it_is_and_what_it_reads() -> None:
    orders = source_node("orders")
    (model,) = read(
        orders, model_node("fct_orders", [orders["unique_id"]], partitioned=True)
    )
    assert model.asset == "marts/fct_orders"
    assert model.relation == "marts.fct_orders"
    assert model.upstream == ("raw/orders",)
    assert model.description == "One row per fct_orders."
    assert (model.owner, model.partitioned, model.grain) == ("team:shop", True, ("id",))
    assert (model.columns[0].name, model.columns[0].unit) == ("id", "pieces")


def test_a_test_belongs_to_the_model_it_is_attached_to() -> None:
    a, b = model_node("a"), model_node("b")
    models = read(
        a,
        b,
        check_node(
            "b_is_in_a",
            ["model.shop.a", "model.shop.b"],
            attached="model.shop.b",
            severity="warn",
            meta={"expected_failure_rate": 0.1, "because": "it is so"},
        ),
        check_node("query_on_a", ["model.shop.a", "model.shop.b"]),
    )
    tests = {model.name: model.tests for model in models}
    assert [test.name for test in tests["a"]] == ["query_on_a"]
    (relationship,) = tests["b"]
    assert relationship.expectation.severity is Severity.WARN
    assert not relationship.expectation.blocking
    assert relationship.expectation.expected_failure_rate == 0.1
    assert tests["a"][0].expectation.blocking


def test_an_ephemeral_model_is_no_asset() -> None:
    hidden = model_node("hidden")
    hidden["config"]["materialized"] = "ephemeral"
    assert read(hidden) == ()


def test_whole_tables_partitions_and_whole_tables_again_are_three_steps() -> None:
    found = steps(
        read(
            source_node("orders"),
            model_node("dim"),
            model_node("stg", ["source.shop.raw.orders"], partitioned=True),
            model_node("fct", ["model.shop.stg", "model.shop.dim"], partitioned=True),
            model_node("daily", ["model.shop.fct"], partitioned=True),
            model_node("total", ["model.shop.daily"]),
        )
    )
    assert [(one.partitioned, {m.name for m in one.models}) for one in found] == [
        (False, {"dim"}),
        (True, {"stg", "fct", "daily"}),
        (False, {"total"}),
    ]


@given(st.data())
def test_no_two_steps_wait_for_each_other(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 12))
    nodes = [
        model_node(
            f"m{number}",
            [
                f"model.shop.m{parent}"
                for parent in data.draw(
                    st.sets(st.integers(0, max(number - 1, 0)), max_size=3)
                )
                if number
            ],
            partitioned=data.draw(st.booleans()),
        )
        for number in range(size)
    ]
    models = read(*nodes)
    found = steps(models)
    where = {model.unique_id: step.number for step in found for model in step.models}
    assert len(where) == size
    for model in models:
        assert all(where[one] <= where[model.unique_id] for one in model.reads)
    for step in found:
        assert {model.partitioned for model in step.models} == {step.partitioned}
