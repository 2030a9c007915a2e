"""Feature views as assets, executed by a real Dagster."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.control_store.migrations import migrate
from analytics_platform.adapters.duckdb_warehouse import DuckDBWarehouse
from analytics_platform.adapters.warehouse import Value
from analytics_platform.contracts.domain import (
    Aggregate,
    Domain,
    FeatureSpec,
    FeatureView,
    Partitions,
    Replay,
    Spine,
)
from analytics_platform.core.gate import Edge, Reads
from analytics_platform.defs.features import build, view_key
from analytics_platform.defs.graph import asset_graph, neutral_graph
from analytics_platform.defs.partitions import partitions_definition
from analytics_platform.settings import Settings

FIRST = "dagster/asset_partition_range_start"
LAST = "dagster/asset_partition_range_end"

VISITS = FeatureView(
    name="shop_visits",
    description="How busy the shop was lately.",
    owner="team:data",
    entity=("shop",),
    source="staging.stg_visits",
    event_time="entered_at",
    knowledge_time="entered_at",
    ttl=timedelta(days=1),
    features=(
        FeatureSpec(
            name="visits_20d",
            description="Visits within twenty days.",
            aggregate=Aggregate.COUNT,
            expression="visitor",
            length=timedelta(days=20),
            unit="visits",
        ),
    ),
)
DOMAIN = Domain(
    name="shops",
    title="Shops",
    description="Shops and who visits them.",
    timezone="Europe/Berlin",
    partitions=Partitions(start=date(2013, 1, 1), end=date(2014, 1, 1)),
    replay=Replay(start=date(2013, 11, 1)),
    tables=(),
    published=(),
    feature_views=(VISITS,),
    spine=Spine(
        source="fct_orders", key=("order_id",), cutoff="ordered_at", columns=("shop",)
    ),
    models=(),
    reports=(),
)
KEY = view_key(VISITS)
MONTHS = [f"2013-{month:02}-01" for month in range(1, 13)]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    """One shop with a visit and an order a day, all of 2013."""
    opened = DuckDBWarehouse(Settings(home=tmp_path))
    days = (
        "(select unnest(generate_series(timestamp '2013-01-01 12:00:00', "
        "timestamp '2013-12-31 12:00:00', interval 1 day)) as day)"
    )
    month = "cast(date_trunc('month', day) as date) as partition_date"
    with opened.session() as session:
        session.execute("create schema staging")
        session.execute("create schema marts")
        session.execute(
            "create table staging.stg_visits as select 'a' as shop, "
            f"day as entered_at, 1 as visitor, {month} from {days}"
        )
        session.execute(
            "create table marts.fct_orders as select dayofyear(day) as order_id, "
            f"'a' as shop, day as ordered_at, {month} from {days}"
        )
    return opened


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ControlStore]:
    """A control store without any verdict: the gate is open."""
    url = f"sqlite:///{tmp_path / 'control.sqlite'}"
    migrate(url)
    opened = ControlStore.open(url)
    yield opened
    opened.close()


@pytest.fixture
def definitions(warehouse: DuckDBWarehouse, store: ControlStore) -> dg.Definitions:
    months = partitions_definition(DOMAIN.partitions)
    upstream = [
        dg.AssetSpec(["staging", "stg_visits"], partitions_def=months),
        dg.AssetSpec(["marts", "fct_orders"], partitions_def=months),
    ]
    return dg.Definitions.merge(
        build(DOMAIN),
        dg.Definitions(
            assets=upstream,
            jobs=[dg.define_asset_job("features", dg.AssetSelection.assets(KEY))],
            resources={"warehouse": warehouse, "store": store},
            executor=dg.in_process_executor,
        ),
    )


def execute(
    definitions: dg.Definitions, instance: dg.DagsterInstance, first: str, last: str
) -> dg.ExecuteInProcessResult:
    job = definitions.resolve_job_def("features")
    return job.execute_in_process(instance=instance, tags={FIRST: first, LAST: last})


def counts(warehouse: DuckDBWarehouse) -> dict[Value, Value]:
    with warehouse.session() as session:
        found = session.rows(
            "select order_id, visits_20d from features.shop_visits order by order_id"
        )
    return {row[0]: row[1] for row in found}


def test_one_run_computes_a_year(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    warehouse: DuckDBWarehouse,
) -> None:
    assert execute(definitions, instance, MONTHS[0], MONTHS[-1]).success
    # Visits and orders are at noon: the nth day sees itself and up to 19 before.
    assert counts(warehouse) == {n: min(n, 20) for n in range(1, 366)}
    assert instance.get_materialized_partitions(KEY) == set(MONTHS)


def test_run_of_one_partition_computes_that_one_from_those_before(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    warehouse: DuckDBWarehouse,
) -> None:
    march = MONTHS[2]
    assert execute(definitions, instance, march, march).success
    assert counts(warehouse) == dict.fromkeys(range(60, 91), 20)
    assert instance.get_materialized_partitions(KEY) == {march}


def test_materializations_carry_row_counts_schema_and_lineage(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    execute(definitions, instance, MONTHS[1], MONTHS[2])
    records = instance.fetch_materializations(KEY, limit=10).records
    rows = {
        str(record.partition_key): record.asset_materialization.metadata[
            "dagster/row_count"
        ].value
        for record in records
        if record.asset_materialization
    }
    assert rows == {"2013-02-01": 28, "2013-03-01": 31}
    event = records[0].asset_materialization
    assert event is not None
    schema = event.metadata["dagster/column_schema"].value
    assert isinstance(schema, dg.TableSchema)
    assert [(column.name, column.type) for column in schema.columns] == [
        ("order_id", "BIGINT"),
        ("shop", "VARCHAR"),
        ("cutoff", "TIMESTAMP"),
        ("partition_date", "DATE"),
        ("visits_20d", "BIGINT"),
    ]
    assert schema.columns[-1].description == "Visits within twenty days. In visits."
    lineage = asset_graph(definitions).get(KEY).metadata["dagster/column_lineage"]
    deps = lineage.deps_by_column["visits_20d"]
    assert dg.TableColumnDep(["staging", "stg_visits"], "visitor") in deps


def test_gate_sees_how_far_a_view_reaches_back(definitions: dg.Definitions) -> None:
    graph = neutral_graph(asset_graph(definitions))
    assert set(graph.edges["features/shop_visits"]) == {
        Edge("staging/stg_visits", Reads.WINDOW, 1),
        Edge("marts/fct_orders"),
    }


def test_misfit_fails_the_run_without_a_retry(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    warehouse: DuckDBWarehouse,
) -> None:
    with warehouse.session() as session:
        session.execute("alter table staging.stg_visits rename visitor to guest")
    with pytest.raises(dg.Failure, match="has no column visitor"):
        execute(definitions, instance, MONTHS[0], MONTHS[0])
    assert instance.get_materialized_partitions(KEY) == set()


def test_view_of_the_spine_itself_depends_on_it_once() -> None:
    own = VISITS.model_copy(update={"source": "marts.fct_orders"})
    built = build(DOMAIN.model_copy(update={"feature_views": (own,)}))
    [asset] = built.assets or []
    assert isinstance(asset, dg.AssetsDefinition)
    [spec] = asset.specs
    assert [dep.asset_key for dep in spec.deps] == [
        dg.AssetKey(["marts", "fct_orders"])
    ]
