"""What lives outside Dagster has a node, and everything known becomes one graph."""

import dagster as dg

from analytics_platform.core.lineage import Column
from analytics_platform.defs import lineage
from analytics_platform.defs.known_lineage import known_lineage
from analytics_platform.domains.loader import load_domain
from tests.support.model_domain import DOMAIN
from tests.support.order_snapshot import REPORT

SHOP = DOMAIN.model_copy(update={"reports": (REPORT,)})

SOURCE, RAW, MART = (
    dg.AssetKey(path) for path in (["source", "t"], ["raw", "t"], ["marts", "m"])
)


def column_lineage(**columns: list[tuple[dg.AssetKey, str]]) -> dg.TableColumnLineage:
    return dg.TableColumnLineage(
        {
            name: [dg.TableColumnDep(key, column) for key, column in deps]
            for name, deps in columns.items()
        }
    )


def schema(*names: str) -> dg.TableSchema:
    return dg.TableSchema([dg.TableColumn(name) for name in names])


@dg.asset(
    key=RAW,
    deps=[SOURCE],
    group_name="ingestion",
    metadata={
        "dagster/column_schema": schema("a", "b"),
        "dagster/column_lineage": column_lineage(a=[(SOURCE, "a")]),
    },
)
def raw() -> None:
    """Raw rows."""


@dg.asset(key=MART, deps=[RAW])
def mart() -> dg.MaterializeResult[None]:
    """A mart that tells its columns when it is built."""
    return dg.MaterializeResult(
        metadata={
            "dagster/column_schema": schema("x", "n"),
            "dagster/column_lineage": column_lineage(x=[(RAW, "a"), (RAW, "b")], n=[]),
        }
    )


DEFINITIONS = dg.Definitions(
    assets=[
        dg.AssetSpec(SOURCE, metadata={"dagster/column_schema": schema("a")}),
        raw,
        mart,
    ]
)


def test_declared_columns_are_known_before_anything_runs() -> None:
    known = known_lineage(DEFINITIONS)
    raw_asset = known.by_name["raw/t"]
    assert raw_asset.columns == ("a", "b")
    assert raw_asset.sources == {"a": (Column("source/t", "a"),)}
    assert raw_asset.group == "ingestion"
    assert known.by_name["source/t"].is_external
    assert known.by_name["marts/m"].columns == ()


def test_materializations_add_what_they_tell() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize([mart], instance=instance)
        known = known_lineage(DEFINITIONS, instance)
    assert known.by_name["marts/m"].sources == {
        "x": (Column("raw/t", "a"), Column("raw/t", "b")),
        "n": (),
    }
    assert known.impact(Column("source/t", "a")) == (
        Column("raw/t", "a"),
        Column("marts/m", "x"),
    )
    assets, marts = known.coverage(("marts",))
    assert (assets.share, marts.share) == (1.0, 1.0)


def test_asset_edges_are_those_of_dagster() -> None:
    assert known_lineage(DEFINITIONS).edges == (
        ("raw/t", "marts/m"),
        ("source/t", "raw/t"),
    )


def test_what_lives_outside_has_nodes_with_owners() -> None:
    specs = {
        spec.key.to_user_string(): spec
        for spec in lineage.build(SHOP).assets or ()
        if isinstance(spec, dg.AssetSpec)
    }
    assert set(specs) == {
        "control_store/ledger",
        "control_store/profiles",
        "control_store/quarantine",
        "control_store/verdicts",
        "consumers/orders_readers",
        "consumers/snapshot_readers",
        "registry/mlflow",
    }
    assert all(spec.owners and spec.description for spec in specs.values())
    upstream = {dep.asset_key.to_user_string() for dep in specs["registry/mlflow"].deps}
    assert upstream == {"releases/delay", "releases/late"}


def test_what_is_live_hangs_on_its_topic_its_snapshot_and_its_release() -> None:
    specs = {
        spec.key.to_user_string(): spec
        for spec in lineage.build(
            load_domain("analytics_platform.domains.flights")
        ).assets
        or ()
        if isinstance(spec, dg.AssetSpec) and spec.group_name == "live"
    }
    upstream = {
        name: {dep.asset_key.to_user_string() for dep in spec.deps}
        for name, spec in specs.items()
    }
    both = {"source/kafka/flight_events", "published/snapshot"}
    release = "releases/arrival_delay"
    assert len(specs) == 6
    assert upstream["live/windows/departures_15m"] == both
    predicted = upstream["live/predictions/arrival_delay_at_departure"]
    assert predicted == both | {release}
    told = specs["live/windows/departures_15m"].metadata
    assert told["channel"] == "windows.departures_15m"


def test_a_domain_without_models_mirrors_none() -> None:
    bare = SHOP.model_copy(update={"models": (), "reports": ()})
    names = [
        spec.key.to_user_string()
        for spec in lineage.build(bare).assets or ()
        if isinstance(spec, dg.AssetSpec)
    ]
    assert "registry/mlflow" not in names
