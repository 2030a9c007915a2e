"""The lineage of a query is read from its text."""

import pytest

from analytics_platform.core.query_lineage import query_lineage
from analytics_platform.errors import InvalidUsage

TABLES = {
    "marts": {
        "orders": {"minutes": "bigint", "shop_id": "varchar", "day": "date"},
        "shops": {"shop_id": "varchar", "name": "varchar"},
    }
}


def test_a_computed_column_stands_on_all_its_inputs() -> None:
    sql = """
        select shops.name as shop, sum(case when minutes > 15 then 1 else 0 end) as late
        from wh.marts.orders as orders
        join wh.marts.shops as shops on orders.shop_id = shops.shop_id
        group by shops.name
    """
    assert query_lineage(sql, TABLES) == {
        "shop": ("marts/shops.name",),
        "late": ("marts/orders.minutes",),
    }


def test_a_count_of_rows_stands_on_no_column() -> None:
    assert query_lineage("select count(*) as n from marts.orders", TABLES) == {"n": ()}


def test_generated_rows_come_from_nowhere() -> None:
    sql = "select n from generate_series(1, 3) as s(n)"
    assert query_lineage(sql, TABLES) == {"n": ()}


def test_stars_and_nested_queries_are_seen_through() -> None:
    sql = "select * from (with o as (select * from marts.orders) select day from o)"
    assert query_lineage(sql, TABLES) == {"day": ("marts/orders.day",)}


def test_a_query_that_cannot_be_read_is_named() -> None:
    with pytest.raises(InvalidUsage, match="cannot be read"):
        query_lineage("select from where (", TABLES)
