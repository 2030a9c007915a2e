"""Great Expectations inside a real warehouse, against predicates written in SQL."""

from collections.abc import Sequence

import duckdb
import pytest

from analytics_platform.adapters.duckdb_warehouse import DuckDBWarehouse
from analytics_platform.adapters.expectations import run_expectations
from analytics_platform.contracts.domain import Expectation
from analytics_platform.core.quality import Outcome
from analytics_platform.errors import InvalidUsage, NotFound
from tests.support.quality_domain import (
    MONTHS,
    create_orders,
    expectation,
    not_null,
    warehouse_in,
)

RELATION = "raw.orders"
KNOWN_STATES = ["open", "paid"]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> DuckDBWarehouse:
    return warehouse_in(tmp_path_factory.mktemp("home"))


@pytest.fixture
def warehouse(shared: DuckDBWarehouse) -> DuckDBWarehouse:
    create_orders(shared, RELATION, per_month=20)
    return shared


def execute(warehouse: DuckDBWarehouse, *statements: str) -> None:
    with warehouse.session() as session:
        for statement in statements:
            session.execute(statement)


def spoil(warehouse: DuckDBWarehouse, change: str, *ids: int) -> None:
    """Orders of month m have the ids 20 m to 20 m + 19."""
    numbers = ", ".join(map(str, ids))
    execute(warehouse, f"update {RELATION} set {change} where id in ({numbers})")


def run(
    warehouse: DuckDBWarehouse,
    *expectations: Expectation,
    partitions: Sequence[str] | None = MONTHS,
) -> list[Outcome]:
    return run_expectations(
        warehouse, RELATION, expectations, partitions, personal=["customer"]
    )


def failing(outcomes: Sequence[Outcome]) -> dict[str | None, int]:
    return {one.partition: one.failing_rows for one in outcomes if not one.passed}


PRICE_BETWEEN = expectation(
    "price_in_range",
    "expect_column_values_to_be_between",
    column="price",
    min_value=0,
    max_value=100,
)
STATE_KNOWN = expectation(
    "state_known",
    "expect_column_values_to_be_in_set",
    column="state",
    value_set=KNOWN_STATES,
)
ID_UNIQUE = expectation("id_unique", "expect_column_values_to_be_unique", column="id")
KEY_UNIQUE = expectation(
    "key_unique",
    "expect_compound_columns_to_be_unique",
    column_list=["id", "state"],
)
HAS_ROWS = expectation("has_rows", "expect_table_row_count_to_be_between", min_value=15)
MEAN_PRICE = expectation(
    "mean_price",
    "expect_column_mean_to_be_between",
    column="price",
    min_value=5,
    max_value=15,
)
MOSTLY_PRICED = expectation(
    "mostly_priced",
    "expect_column_values_to_not_be_null",
    column="price",
    mostly=0.9,
)
CHEAP_PAID = expectation(
    "cheap_is_paid",
    "unexpected_rows_expectation",
    unexpected_rows_query="select o.* from {batch} o "
    "where o.price < 1 and o.state <> 'open'",
)
ENOUGH_OPEN = expectation(
    "enough_open",
    "unexpected_rows_expectation",
    unexpected_rows_query="select o.state from {batch} o "
    "where o.state = 'open' group by o.state having count(*) < 5",
)


def test_sound_data_passes_every_check_in_every_partition(
    warehouse: DuckDBWarehouse,
) -> None:
    checks = (
        not_null("id"),
        PRICE_BETWEEN,
        ID_UNIQUE,
        KEY_UNIQUE,
        HAS_ROWS,
        CHEAP_PAID,
    )
    outcomes = run(warehouse, *checks)
    assert [(one.check, one.partition) for one in outcomes] == [
        (check.name, month) for check in checks for month in MONTHS
    ]
    assert all(one.passed and one.total_rows == 20 for one in outcomes)
    assert not any(one.failing_rows or one.samples for one in outcomes)


def test_one_bad_row_in_march_fails_march_alone_and_is_shown_masked(
    warehouse: DuckDBWarehouse,
) -> None:
    spoil(warehouse, "price = -5", 63)
    outcomes = run(warehouse, PRICE_BETWEEN)
    assert failing(outcomes) == {"2013-03-01": 1}
    (march,) = [one for one in outcomes if not one.passed]
    assert march.samples == (
        {
            "id": 63,
            "price": -5.0,
            "state": "paid",
            "customer": "***",
            "partition_date": "2013-03-01",
        },
    )
    assert march.detail == "1 of 20 rows fail (5.00%)."


def test_at_most_ten_failing_rows_are_shown_and_all_are_counted(
    warehouse: DuckDBWarehouse,
) -> None:
    execute(warehouse, f"update {RELATION} set state = 'lost'")
    for one in run(warehouse, STATE_KNOWN):
        assert (one.failing_rows, len(one.samples)) == (20, 10)


def test_a_documented_defect_shows_three_rows(warehouse: DuckDBWarehouse) -> None:
    execute(warehouse, f"update {RELATION} set state = null")
    known = not_null("state").model_copy(update={"expected_failure_rate": 1.0})
    assert {len(one.samples) for one in run(warehouse, known)} == {3}


def test_a_double_key_fails_the_partition_that_holds_both(
    warehouse: DuckDBWarehouse,
) -> None:
    spoil(warehouse, "id = 60", 62)
    outcomes = run(warehouse, ID_UNIQUE, KEY_UNIQUE)
    assert failing(outcomes) == {"2013-03-01": 2}
    assert {len(one.samples) for one in outcomes if not one.passed} == {2}


def test_a_key_in_two_partitions_fails_neither_whatever_range_is_run(
    warehouse: DuckDBWarehouse,
) -> None:
    spoil(warehouse, "id = 20", 60)
    assert failing(run(warehouse, ID_UNIQUE)) == {}
    assert failing(run(warehouse, ID_UNIQUE, partitions=["2013-03-01"])) == {}
    assert failing(run(warehouse, ID_UNIQUE, partitions=None)) == {None: 2}


def test_a_figure_is_judged_in_each_partition_though_the_range_is_fine(
    warehouse: DuckDBWarehouse,
) -> None:
    execute(
        warehouse,
        f"delete from {RELATION} where id between 63 and 79",
        f"update {RELATION} set price = 30 where id between 80 and 99",
    )
    found = {(o.check, o.partition): o for o in run(warehouse, HAS_ROWS, MEAN_PRICE)}
    red = {key for key, one in found.items() if not one.passed}
    assert red == {
        ("has_rows", "2013-03-01"),
        ("mean_price", "2013-03-01"),
        ("mean_price", "2013-04-01"),
    }
    assert found["has_rows", "2013-03-01"].detail == "Observed 3."


def test_mostly_is_a_share_of_each_partition(warehouse: DuckDBWarehouse) -> None:
    spoil(warehouse, "price = null", 20, 21, 60, 61, 62)
    assert failing(run(warehouse, MOSTLY_PRICED)) == {"2013-03-01": 3}


def test_a_query_that_returns_the_partition_judges_rows(
    warehouse: DuckDBWarehouse,
) -> None:
    spoil(warehouse, "price = 0.5", 61, 63, 81)
    outcomes = run(warehouse, CHEAP_PAID)
    assert failing(outcomes) == {"2013-03-01": 2, "2013-04-01": 1}


def test_a_query_that_does_not_is_asked_of_each_partition(
    warehouse: DuckDBWarehouse,
) -> None:
    spoil(warehouse, "state = 'paid'", *range(60, 80, 2))
    spoil(warehouse, "state = 'open'", 60)
    assert failing(run(warehouse, ENOUGH_OPEN)) == {"2013-03-01": 1}


def test_a_query_may_join_other_tables_and_read_the_batch_twice(
    warehouse: DuckDBWarehouse,
) -> None:
    execute(
        warehouse,
        "create or replace table raw.states as select 'open' as state",
    )
    unknown = expectation(
        "state_listed",
        "unexpected_rows_expectation",
        unexpected_rows_query="select o.* from {batch} o left join raw.states s "
        "on s.state = o.state where s.state is null "
        "and o.id < (select max(b.id) from {batch} b)",
    )
    found = failing(run(warehouse, unknown, partitions=[MONTHS[0]]))
    assert found == {"2013-01-01": 9}


def test_without_partitions_the_relation_is_judged_as_a_whole(
    warehouse: DuckDBWarehouse,
) -> None:
    spoil(warehouse, "price = -5", 63, 85)
    outcomes = run(warehouse, PRICE_BETWEEN, HAS_ROWS, CHEAP_PAID, partitions=None)
    assert failing(outcomes) == {None: 2} | {None: 2}
    assert {one.total_rows for one in outcomes} == {240}


def test_only_the_partitions_asked_for_are_judged(warehouse: DuckDBWarehouse) -> None:
    spoil(warehouse, "price = -5", 63)
    outcomes = run(warehouse, PRICE_BETWEEN, partitions=[MONTHS[0], MONTHS[5]])
    assert [one.partition for one in outcomes] == [MONTHS[0], MONTHS[5]]
    assert failing(outcomes) == {}


def test_a_partition_without_rows_fails_figures_only(
    warehouse: DuckDBWarehouse,
) -> None:
    execute(warehouse, f"delete from {RELATION} where id between 60 and 79")
    found = {
        one.check: one
        for one in run(
            warehouse, PRICE_BETWEEN, HAS_ROWS, CHEAP_PAID, partitions=["2013-03-01"]
        )
    }
    assert {name: one.passed for name, one in found.items()} == {
        "price_in_range": True,
        "has_rows": False,
        "cheap_is_paid": True,
    }
    assert {one.total_rows for one in found.values()} == {0}


def test_an_empty_table_and_a_column_of_nulls_do_not_crash(
    warehouse: DuckDBWarehouse,
) -> None:
    execute(warehouse, f"update {RELATION} set price = null, state = null")
    outcomes = run(warehouse, PRICE_BETWEEN, STATE_KNOWN, MEAN_PRICE, ID_UNIQUE)
    assert {one.check for one in outcomes if not one.passed} == {"mean_price"}
    execute(warehouse, f"delete from {RELATION}")
    (empty,) = run(warehouse, PRICE_BETWEEN, partitions=None)
    assert (empty.passed, empty.total_rows) == (True, 0)


def test_a_missing_column_is_named_and_the_other_checks_go_on(
    warehouse: DuckDBWarehouse,
) -> None:
    outcomes = run(warehouse, not_null("colour"), PRICE_BETWEEN, partitions=MONTHS[:2])
    missing = [one for one in outcomes if not one.passed]
    assert [one.partition for one in missing] == list(MONTHS[:2])
    assert missing[0].detail == (
        "Cannot be evaluated: raw.orders has no column colour."
    )
    assert sum(one.passed for one in outcomes) == 2


def test_a_check_that_does_not_fit_its_column_fails_alone(
    warehouse: DuckDBWarehouse,
) -> None:
    misfit = expectation(
        "state_in_range",
        "expect_column_values_to_be_between",
        column="state",
        min_value=0,
        max_value=1,
    )
    broken = expectation(
        "broken", "unexpected_rows_expectation", unexpected_rows_query="selec {batch}"
    )
    outcomes = run(
        warehouse, PRICE_BETWEEN, misfit, broken, STATE_KNOWN, partitions=MONTHS[:1]
    )
    assert [one.passed for one in outcomes] == [True, False, False, True]
    assert outcomes[1].detail.startswith("Cannot be evaluated: ")
    assert outcomes[2].detail.startswith("Cannot be evaluated: ")


def test_huge_values_are_cut_in_samples(warehouse: DuckDBWarehouse) -> None:
    spoil(warehouse, "state = repeat('x', 100000), price = 'inf'", 63)
    (sample,) = [
        sample for one in run(warehouse, STATE_KNOWN) for sample in one.samples
    ]
    assert len(str(sample["state"])) == 200
    assert sample["price"] == "inf"


def test_the_figure_of_a_personal_column_is_not_told(
    warehouse: DuckDBWarehouse,
) -> None:
    largest = expectation(
        "largest",
        "expect_column_most_common_value_to_be_in_set",
        column="customer",
        value_set=["nobody"],
    )
    (found,) = run(warehouse, largest, partitions=None)
    assert (found.passed, found.detail) == (False, "Observed ***.")


def test_an_unknown_expectation_or_argument_is_a_usage_error(
    warehouse: DuckDBWarehouse,
) -> None:
    with pytest.raises(InvalidUsage, match="'x' \\(expect_magic\\) cannot be used"):
        run(warehouse, expectation("x", "expect_magic"))
    with pytest.raises(InvalidUsage, match="cannot be used"):
        run(warehouse, expectation("x", HAS_ROWS.type, colour="red"))


def test_a_missing_relation_is_not_found(warehouse: DuckDBWarehouse) -> None:
    with pytest.raises(NotFound, match=r"raw\.nothing does not exist"):
        run_expectations(warehouse, "raw.nothing", [HAS_ROWS])


def test_no_expectations_or_no_partitions_give_no_outcomes(
    warehouse: DuckDBWarehouse,
) -> None:
    assert run(warehouse) == []
    assert run(warehouse, HAS_ROWS, partitions=[]) == []


def test_no_connection_stays_open_even_after_errors(
    warehouse: DuckDBWarehouse,
) -> None:
    broken = expectation(
        "broken", "unexpected_rows_expectation", unexpected_rows_query="selec {batch}"
    )
    run(warehouse, broken, HAS_ROWS, STATE_KNOWN)
    other = duckdb.connect(str(warehouse.settings.duckdb_path), config={"threads": 1})
    other.close()
