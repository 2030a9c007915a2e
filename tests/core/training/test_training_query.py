"""The training set's query, run on DuckDB against rows worked out by hand."""

from datetime import UTC, datetime

import duckdb
import pytest
import sqlglot

from analytics_platform.core.training.columns import column_sources
from analytics_platform.core.training.training_query import training_query
from tests.support.model_domain import DOMAIN

_TABLES = """
create schema marts; create schema features;
create table marts.fct_orders as select * from (values
    ('d', timestamp '2020-01-01 10:00', 'north', 10, 1.0, 3.0, timestamp '2020-01-01 11:00'),
    ('a', timestamp '2020-01-01 12:00', 'south', 12, null, 7.0, timestamp '2020-01-01 15:00'),
    ('b', timestamp '2020-01-01 13:00', 'south', 13, 2.0, null, timestamp '2020-01-01 14:00'),
    ('c', timestamp '2020-01-01 16:00', 'south', 16, 2.0, 1.0, timestamp '2020-01-01 17:00')
) as t(order_key, due_utc, shop, hour, weight, delay_minutes, known_utc);
create table features.shop_history as select * from (values
    ('d', 0.5), ('b', 0.25)
) as t(order_key, mean_delay);
"""  # noqa: E501


def at(hour: int) -> datetime:
    return datetime(2020, 1, 1, hour, tzinfo=UTC).replace(tzinfo=None)


def test_rows_with_a_known_outcome_in_the_order_of_their_key() -> None:
    query = training_query(DOMAIN, "duckdb")
    now = at(15)
    with duckdb.connect() as connection:
        connection.execute(_TABLES)
        named = query.replace(":latest", "$latest").replace(":now", "$now")
        latest = at(17)
        found = connection.execute(named, {"latest": latest, "now": now}).fetchall()
    # b was never delivered; c is due but its outcome is known only at 17:00.
    ten, twelve = at(10), at(12)
    assert found == [
        ("a", "south", 12, None, twelve, None, 7.0, True),
        ("d", "north", 10, 1.0, ten, 0.5, 3.0, False),
    ]


def test_every_column_is_traced_to_the_tables_it_comes_from() -> None:
    facts, view = "marts.fct_orders", "features.shop_history"
    assert column_sources(DOMAIN) == {
        "order_key": ((facts, "order_key"),),
        "shop": ((facts, "shop"),),
        "hour": ((facts, "hour"),),
        "weight": ((facts, "weight"),),
        "cutoff__": ((facts, "due_utc"),),
        "shop_history__mean_delay": ((view, "mean_delay"),),
        "target__delay": ((facts, "delay_minutes"),),
        "target__late": ((facts, "delay_minutes"),),
    }


@pytest.mark.parametrize("dialect", ["postgres", "snowflake", "bigquery", "redshift"])
def test_every_dialect_can_read_its_query(dialect: str) -> None:
    query = training_query(DOMAIN, dialect).replace(":latest", "null")
    assert sqlglot.parse_one(query.replace(":now", "null"), dialect=dialect)
