"""Failing rows by partition, for random damage, against SQL."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics_platform.adapters.duckdb_warehouse import DuckDBWarehouse
from analytics_platform.adapters.expectations import run_expectations
from tests.support.quality_domain import (
    MONTHS,
    create_orders,
    expectation,
    not_null,
    warehouse_in,
)

RELATION = "raw.orders"
CHECKS = (
    not_null("id"),
    expectation(
        "price_in_range",
        "expect_column_values_to_be_between",
        column="price",
        min_value=0,
        max_value=100,
    ),
    expectation(
        "state_known",
        "expect_column_values_to_be_in_set",
        column="state",
        value_set=["open", "paid"],
    ),
    expectation("id_unique", "expect_column_values_to_be_unique", column="id"),
    expectation(
        "cheap_is_paid",
        "unexpected_rows_expectation",
        unexpected_rows_query="select o.* from {batch} o "
        "where o.price < 1 and o.state <> 'open'",
    ),
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> DuckDBWarehouse:
    return warehouse_in(tmp_path_factory.mktemp("home"))


PREDICATES = {
    "id_not_null": "id is null",
    "price_in_range": "price < 0 or price > 100",
    "state_known": "state not in ('open', 'paid')",
    "cheap_is_paid": "price < 1 and state <> 'open'",
    "id_unique": "id in (select id from {part} group by id having count(*) > 1)",
}
CHANGES = (
    "id = null",
    "price = -1",
    "state = 'x'",
    "price = 0.1",
    "id = 20",
    "id = 61",
)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.tuples(st.sampled_from(CHANGES), st.integers(20, 99)), min_size=0, max_size=8
    )
)
def test_counts_by_partition_agree_with_sql(
    shared: DuckDBWarehouse, changes: list[tuple[str, int]]
) -> None:
    create_orders(shared, RELATION, per_month=20)
    for change, order in changes:
        with shared.session() as session:
            session.execute(f"update {RELATION} set {change} where id = {order}")
    found = {
        (o.check, o.partition): o.failing_rows
        for o in run_expectations(shared, RELATION, CHECKS, MONTHS)
    }
    with shared.session() as session:
        for (check, month), count in found.items():
            part = f"(select * from {RELATION} where partition_date = '{month}')"
            predicate = PREDICATES[check].format(part=part)
            ((expected,),) = session.rows(
                f"select count(*) from {part} orders where {predicate}"
            )
            assert (check, month, count) == (check, month, expected)
