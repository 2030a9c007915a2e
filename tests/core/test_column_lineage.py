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


def test_a_table_that_the_project_does_not_document_is_known_by_its_declaration() -> (
    None
):
    sql = "with all_orders as (select * from raw.orders) select price from all_orders"
    bare = manifest(source_node("orders", []), model_node("fct", READS, sql=sql))
    declared = {"raw.orders": ("id", "price")}
    found = manifest_lineage(bare, dialect="duckdb", declared=declared)
    assert found["models"]["model.shop.fct"] == {"price": ["raw/orders.price"]}


def test_a_table_that_nobody_documents_hides_no_more_than_its_own_columns() -> None:
    node = model_node("fct", ["source.shop.raw.notes", *READS])
    sql = (
        "with notes as (select * from raw.notes), orders as (select * from raw.orders) "
        "select orders.id, notes.text from orders cross join notes"
    )
    star = model_node("copy", ["source.shop.raw.notes"], sql="select * from raw.notes")
    found = manifest_lineage(
        manifest(
            source_node("notes", []), ORDERS, {**node, "compiled_code": sql}, star
        ),
        dialect="duckdb",
    )
    assert found["models"]["model.shop.fct"] == {"id": ["raw/orders.id"]}
    assert found["unparsed"] == ["model.shop.copy"]
