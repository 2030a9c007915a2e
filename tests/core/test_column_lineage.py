"""Column lineage of a dbt manifest, worked by hand."""

from analytics_platform.core.column_lineage import manifest_lineage
from tests.support.dbt_manifests import manifest, model_node, source_node

ORDERS = source_node("orders", ["id", "price", "pieces"])
READS = ["source.shop.raw.orders"]


def test_a_column_leads_to_the_columns_it_is_computed_from() -> None:
    sql = (
        'with orders as (select * from "shop"."raw"."orders") '
        "select id, price * pieces as total, count(*) over () as n from orders"
    )
    columns = ["id", "total", "n"]
    found = manifest_lineage(
        manifest(ORDERS, model_node("fct", READS, columns=columns, sql=sql)),
        dialect="duckdb",
    )
    assert found == {
        "models": {
            "model.shop.fct": {
                "id": ["raw/orders.id"],
                "total": ["raw/orders.pieces", "raw/orders.price"],
                "n": [],
            }
        },
        "unparsed": [],
    }


def test_a_snapshot_adds_columns_of_its_own() -> None:
    snapshot = model_node(
        "snap",
        READS,
        columns=["id", "price", "pieces", "valid_from_utc"],
        sql='select * from "shop"."raw"."orders"',
        kind="snapshot",
    )
    found = manifest_lineage(manifest(ORDERS, snapshot), dialect="duckdb")
    assert found["models"]["snapshot.shop.snap"] == {
        "id": ["raw/orders.id"],
        "price": ["raw/orders.price"],
        "pieces": ["raw/orders.pieces"],
        "valid_from_utc": [],
    }


def test_a_seed_comes_from_nowhere_but_its_file() -> None:
    found = manifest_lineage(
        manifest(model_node("codes", kind="seed")), dialect="duckdb"
    )
    assert found["models"] == {"seed.shop.codes": {"id": []}}


def test_what_cannot_be_read_is_listed_and_not_hidden() -> None:
    found = manifest_lineage(
        manifest(
            ORDERS,
            model_node("fct", READS, sql="select from where"),
            model_node("not_compiled", READS),
        ),
        dialect="duckdb",
    )
    assert found["models"] == {}
    assert found["unparsed"] == ["model.shop.fct", "model.shop.not_compiled"]


def test_the_sql_of_the_engine_is_understood() -> None:
    sql = (
        "select percentile_cont(0.9) within group (order by price) as p90, "
        "timezone('UTC', timezone('Europe/Rome', id::text::timestamp)) as at "
        "from raw.orders group by id"
    )
    found = manifest_lineage(
        manifest(ORDERS, model_node("fct", READS, sql=sql)), dialect="postgres"
    )
    assert found["models"]["model.shop.fct"] == {
        "p90": ["raw/orders.price"],
        "at": ["raw/orders.id"],
    }
