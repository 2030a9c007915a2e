"""Profiles against numpy, an independent oracle."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from analytics_platform.adapters.duckdb_warehouse import DuckDBWarehouse
from analytics_platform.adapters.profiler import profile, table_profile
from analytics_platform.contracts.records import ColumnProfile
from analytics_platform.errors import InvalidUsage, NotFound
from tests.support.quality_domain import MONTHS, create_orders, warehouse_in


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    return warehouse_in(tmp_path)


def create(warehouse: DuckDBWarehouse, select: str) -> None:
    with warehouse.session() as session:
        session.execute(f"create or replace table raw.things as {select}")


def measured(
    warehouse: DuckDBWarehouse,
    *,
    personal: tuple[str, ...] = (),
    partitions: list[str] | None = None,
) -> dict[str, ColumnProfile]:
    with warehouse.session() as session:
        _, columns = profile(session, "raw.things", partitions, personal=personal)
    return {column.name: column for column in columns}


@pytest.mark.parametrize("seed", range(4))
def test_numbers_agree_with_numpy(warehouse: DuckDBWarehouse, seed: int) -> None:
    random = np.random.default_rng(seed)
    values = np.round(random.lognormal(3, 1, 2_000), int(random.integers(0, 6)))
    nulls = random.random(2_000) < 0.2
    rows = ", ".join(
        f"({'null' if null else value})"
        for null, value in zip(nulls, values, strict=True)
    )
    create(warehouse, f"select cast(v as double) as v from (values {rows}) t(v)")
    found, present = measured(warehouse)["v"], values[~nulls]
    assert found.null_share == pytest.approx(nulls.mean())
    assert found.distinct == len(np.unique(present))
    assert (found.minimum, found.maximum) == (present.min(), present.max())
    assert found.mean == pytest.approx(present.mean())
    for share, value in found.quantiles.items():
        assert value == np.quantile(present, float(share), method="inverted_cdf")
    counts, edges = np.histogram(present, bins=20)
    assert found.histogram_edges == pytest.approx(edges)
    assert found.histogram_counts == tuple(counts)


def test_the_most_frequent_values_come_first_and_ties_by_value(
    warehouse: DuckDBWarehouse,
) -> None:
    create(warehouse, "select v from (values ('b'), ('a'), ('c'), ('c')) t(v)")
    assert measured(warehouse)["v"].top_values == (("c", 2), ("a", 1), ("b", 1))


def test_whole_numbers_are_shown_whole(warehouse: DuckDBWarehouse) -> None:
    create(warehouse, "select 7::bigint as v")
    assert measured(warehouse)["v"].top_values == ((7, 1),)


def test_a_constant_has_one_bin(warehouse: DuckDBWarehouse) -> None:
    create(warehouse, "select 7::bigint as v from range(5)")
    found = measured(warehouse)["v"]
    assert (found.histogram_edges, found.histogram_counts) == ((7.0, 7.0), (5,))


def test_an_empty_table_has_an_empty_profile(warehouse: DuckDBWarehouse) -> None:
    create(warehouse, "select 1 as number, 'a' as text where false")
    found = measured(warehouse)
    for column in found.values():
        assert (column.null_share, column.distinct, column.minimum) == (0, 0, None)
        assert column.histogram_counts == ()


def test_a_column_of_nulls_has_nothing_but_its_null_share(
    warehouse: DuckDBWarehouse,
) -> None:
    create(warehouse, "select cast(null as double) as v from range(3)")
    found = measured(warehouse)["v"]
    assert (found.null_share, found.distinct, found.mean) == (1, 0, None)
    assert found.quantiles == {}


def test_numbers_that_are_not_finite_do_not_spoil_the_profile(
    warehouse: DuckDBWarehouse,
) -> None:
    create(
        warehouse,
        "select cast(v as double) as v from "
        "(values ('nan'), ('inf'), ('-inf'), ('1'), ('3')) t(v)",
    )
    found = measured(warehouse)["v"]
    assert (found.minimum, found.maximum, found.mean) == (1, 3, 2)
    assert sum(found.histogram_counts) == 2
    assert found.null_share == 0


def test_huge_values_are_kept_or_cut(warehouse: DuckDBWarehouse) -> None:
    create(
        warehouse,
        "select 170141183460469231731687303715884105727::hugeint as huge, "
        "1e300::double as large, repeat('x', 100000) as text",
    )
    found = measured(warehouse)
    assert found["large"].maximum == 1e300
    assert float(str(found["huge"].maximum)) == pytest.approx(1.7014118e38)
    assert len(str(found["text"].maximum)) == 200


def test_dates_booleans_and_nested_values_are_profiled(
    warehouse: DuckDBWarehouse,
) -> None:
    create(
        warehouse,
        "select date '2013-01-01' + cast(i as integer) as day, i % 2 = 0 as even, "
        "[i, i] as list, {'a': 1} as structure, 1.5::decimal(9, 2) as price, "
        "timestamp '2013-01-01 05:00:00' as instant from range(4) t(i)",
    )
    found = measured(warehouse)
    assert (found["day"].minimum, found["day"].maximum) == ("2013-01-01", "2013-01-04")
    assert found["instant"].minimum == "2013-01-01T05:00:00"
    assert found["even"].distinct == 2
    assert (found["list"].distinct, found["list"].minimum) == (4, None)
    assert found["structure"].distinct == 1
    assert found["price"].mean == 1.5


def test_spans_and_fixed_lists_are_no_numbers(warehouse: DuckDBWarehouse) -> None:
    create(warehouse, "select interval 1 day as span, [1, 2]::integer[2] as pair")
    for column in measured(warehouse).values():
        assert (column.distinct, column.minimum, column.mean) == (1, None, None)


def test_dates_that_python_cannot_hold_are_told(warehouse: DuckDBWarehouse) -> None:
    create(
        warehouse,
        "select date '20130-01-01' as day, 'infinity'::timestamp as instant",
    )
    found = measured(warehouse)
    assert found["day"].maximum == "20130-01-01"
    assert found["instant"].maximum == "infinity"


def test_a_sentinel_at_the_end_of_doubles_does_not_spoil_the_profile(
    warehouse: DuckDBWarehouse,
) -> None:
    create(warehouse, "select v from (values (1.7e308), (-1.7e308), (2::double)) t(v)")
    found = measured(warehouse)["v"]
    assert (found.minimum, found.maximum, found.mean) == (2, 2, 2)
    assert (found.null_share, sum(found.histogram_counts)) == (0, 1)


def test_personal_values_are_counted_and_not_shown(warehouse: DuckDBWarehouse) -> None:
    create(warehouse, "select 'Ada' as name, 1815 as born")
    found = measured(warehouse, personal=("name", "born"))
    for column in found.values():
        assert column.distinct == 1
        shown = (column.minimum, column.maximum, column.mean, column.top_values)
        assert shown == (None, None, None, ())
        assert column.histogram_edges == ()


def test_only_the_given_partitions_are_profiled(warehouse: DuckDBWarehouse) -> None:
    create_orders(warehouse, "raw.things", per_month=10)
    found = measured(warehouse, partitions=[MONTHS[0], MONTHS[2]])
    assert (found["id"].minimum, found["id"].maximum) == (10, 39)
    assert found["id"].distinct == 20


def test_columns_with_odd_names_and_the_loaders_own(
    warehouse: DuckDBWarehouse,
) -> None:
    create(warehouse, 'select 1 as "Order", 2 as "a b", 3 as _dlt_id')
    assert set(measured(warehouse)) == {"Order", "a b"}


def test_a_missing_relation_and_a_bad_partition_are_clear_errors(
    warehouse: DuckDBWarehouse,
) -> None:
    with pytest.raises(NotFound, match=r"raw\.things does not exist"):
        measured(warehouse)
    create_orders(warehouse, "raw.things")
    with pytest.raises(InvalidUsage, match="'March' is not a date"):
        measured(warehouse, partitions=["March"])


def test_the_record_names_asset_partitions_and_run(warehouse: DuckDBWarehouse) -> None:
    create(warehouse, "select 1 as v")
    with warehouse.session() as session:
        found = profile(session, "raw.things")
    at = datetime(2013, 1, 1, tzinfo=UTC)
    record = table_profile(
        found, asset="raw/things", partitions=None, run_id="r", profiled_at=at
    )
    assert (record.asset, record.partitions, record.rows) == ("raw/things", (), 1)
