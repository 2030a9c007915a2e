"""The dbt models as Dagster assets: declared like dagster-dbt does, built by range."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.control_store.migrations import migrate
from analytics_platform.adapters.dbt_project import DbtProject
from analytics_platform.clock import FixedClock
from analytics_platform.contracts.records import Verdict
from analytics_platform.core.gate import Part
from analytics_platform.defs import quality, transformation
from analytics_platform.defs.partition_results import red_in
from analytics_platform.defs.runs import Builder
from analytics_platform.domains.loader import load_domain
from analytics_platform.settings import Settings
from tests.support.flight_warehouse import copy_home, open_parsed, parse

KEYS = [f"2013-{month:02}-01" for month in range(1, 13)]
RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
FCT = dg.AssetKey(["marts", "fct_flights"])
DAILY = dg.AssetKey(["marts", "mart_airport_daily"])
STG = dg.AssetKey(["staging", "stg_flights"])


@pytest.fixture(scope="module")
def parsed(built_home: Path) -> DbtProject:
    return parse(built_home)


@dataclass(frozen=True)
class Platform:
    """The transformation of a copied home, on an instance of its own."""

    dbt: DbtProject
    store: ControlStore
    definitions: dg.Definitions
    instance: dg.DagsterInstance

    def run(
        self,
        *assets: dg.AssetKey,
        first: str | None = None,
        last: str | None = None,
    ) -> dg.ExecuteInProcessResult:
        job = self.definitions.resolve_implicit_global_asset_job_def()
        tags = {RANGE[0]: first, RANGE[1]: last} if first and last else {}
        return job.execute_in_process(
            instance=self.instance,
            asset_selection=list(assets) or None,
            tags=tags,
            raise_on_error=False,
        )

    def materialized(self, key: dg.AssetKey) -> set[str]:
        return self.instance.get_materialized_partitions(key)

    def verdicts(self, asset: str, check: str) -> dict[str | None, Verdict]:
        return {
            verdict.partition: verdict
            for verdict in self.store.verdicts.latest([asset])
            if verdict.check == check
        }


@pytest.fixture
def platform(
    built_home: Path, tmp_path: Path, parsed: DbtProject
) -> Iterator[Platform]:
    settings = copy_home(built_home, tmp_path / "home")
    dbt = open_parsed(settings, parsed)
    migrate(settings.control_store_url)
    store = ControlStore.open(settings.control_store_url)
    domain = load_domain(settings.domain)
    definitions = dg.Definitions.merge(
        transformation.build(domain, dbt.manifest()),
        quality.build(domain),
        dg.Definitions(
            resources={
                "clock": FixedClock(datetime(2013, 12, 1, tzinfo=UTC)),
                "warehouse": dbt.warehouse,
                "store": store,
                "dbt": dbt,
            },
            executor=dg.in_process_executor,
        ),
    )
    with dg.DagsterInstance.ephemeral() as instance:
        yield Platform(dbt, store, definitions, instance)


def test_keys_and_dependencies_are_those_that_dagster_dbt_reads(
    parsed: DbtProject,
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from dagster_dbt import build_dbt_asset_specs

        specs = build_dbt_asset_specs(manifest=parsed.manifest())
    theirs = {spec.key: {dep.asset_key for dep in spec.deps} for spec in specs}
    domain = load_domain(Settings().domain)
    definitions = transformation.build(domain, parsed.manifest())
    ours = {
        spec.key: {dep.asset_key for dep in spec.deps}
        for assets in definitions.assets or ()
        if isinstance(assets, dg.AssetsDefinition)
        for spec in assets.specs
    }
    assert ours == theirs


def test_every_asset_has_owner_kinds_columns_and_their_lineage(
    parsed: DbtProject,
) -> None:
    domain = load_domain(Settings().domain)
    for assets in transformation.build(domain, parsed.manifest()).assets or ():
        assert isinstance(assets, dg.AssetsDefinition)
        for spec in assets.specs:
            assert spec.owners == ["team:flight-operations"]
            assert spec.kinds == {"dbt", "duckdb"}
            assert spec.description
            schema = spec.metadata["dagster/column_schema"]
            lineage = spec.metadata["dagster/column_lineage"]
            names = {column.name for column in schema.columns}
            assert names == set(lineage.deps_by_column)


def test_a_year_is_three_steps_and_all_of_it_is_materialized(
    platform: Platform,
) -> None:
    result = platform.run(first=KEYS[0], last=KEYS[-1])
    assert result.success
    steps = {event.step_key for event in result.all_events if event.is_step_success}
    built = {step for step in steps if step and step.startswith("dbt_")}
    assert built == {"dbt_0_tables", "dbt_1_partitions", "dbt_2_tables"}
    assert platform.materialized(DAILY) == set(KEYS)
    event = platform.instance.get_latest_materialization_event(FCT)
    assert event is not None
    assert event.asset_materialization is not None
    metadata = event.asset_materialization.metadata
    with platform.dbt.warehouse.session() as session:
        (count,) = session.rows("select count(*) from marts.fct_flights")[0]
        (last,) = session.rows(
            "select count(*) from marts.fct_flights where partition_date = '2013-12-01'"
        )[0]
    assert metadata["dagster/row_count"].value == count
    assert metadata["dagster/partition_row_count"].value == last
    judged = platform.verdicts("marts/fct_flights", "unique_fct_flights_flight_key")
    assert set(judged) == set(KEYS)
    assert all(verdict.passed for verdict in judged.values())


def test_one_bad_row_in_march_gives_eleven_good_months_and_a_red_march(
    platform: Platform,
) -> None:
    with platform.dbt.warehouse.session() as session:
        session.execute(
            "insert into raw.flights select * from raw.flights "
            "where month = 3 order by day, time_hour, carrier, flight limit 1"
        )
    result = platform.run(STG, FCT, first=KEYS[0], last=KEYS[-1])
    assert not result.success
    (failure,) = [e for e in result.all_events if e.is_step_failure]
    told = failure.step_failure_data.user_failure_data
    assert told is not None
    ((asset, parts),) = red_in(told.metadata).items()
    assert asset == "staging/stg_flights"
    assert list(parts) == ["2013-03-01"]
    assert platform.materialized(STG) == set(KEYS) - {"2013-03-01"}
    assert platform.materialized(FCT) == set()
    (check,) = parts["2013-03-01"]
    red = platform.verdicts(asset, check)["2013-03-01"]
    assert red.blocks
    assert (red.failing_rows, len(red.samples)) == (1, 1)


@pytest.fixture
def bad_spring(platform: Platform) -> Platform:
    """March breaks a test of dbt's, April an expectation of the domain's."""
    with platform.dbt.warehouse.session() as session:
        session.execute(
            "insert into intermediate.int_flights_timed "
            "select * from intermediate.int_flights_timed "
            "where partition_date = '2013-03-01' order by flight_key limit 1"
        )
        session.execute(
            "update intermediate.int_flights_timed set actual_arrival_utc = "
            "actual_departure_utc - interval 1 hour where flight_key = (select "
            "min(flight_key) from intermediate.int_flights_timed "
            "where partition_date = '2013-04-01' and not is_cancelled)"
        )
    return platform


def test_a_red_month_leaves_the_others_to_all_checks_of_the_model(
    bad_spring: Platform,
) -> None:
    result = bad_spring.run(FCT, first=KEYS[0], last=KEYS[-1])
    assert not result.success
    assert bad_spring.materialized(FCT) == set(KEYS) - {"2013-03-01"}
    judged = bad_spring.verdicts("marts/fct_flights", "arrives_after_departure")
    assert set(judged) == set(KEYS) - {"2013-03-01"}
    assert [key for key, one in judged.items() if one.blocks] == ["2013-04-01"]
    storage = bad_spring.instance.event_log_storage
    check = dg.AssetCheckKey(FCT, "arrives_after_departure")
    found = storage.get_latest_asset_check_execution_by_key([check])
    assert [one.status.value for one in found.values()] == ["FAILED"]


def test_what_reads_the_model_is_built_for_months_that_pass_every_check(
    bad_spring: Platform,
) -> None:
    defined, store = bad_spring.definitions, bad_spring.store
    builder = Builder(defined, bad_spring.instance, store, lambda _event: None)
    year: frozenset[Part] = frozenset(KEYS)
    spring: frozenset[Part] = frozenset({"2013-03-01", "2013-04-01"})
    built = builder.build({key.to_user_string(): year for key in (FCT, DAILY)})
    assert built.failed == {}
    assert built.red == {"marts/fct_flights": spring}
    assert built.parts["marts/mart_airport_daily"] == year - spring
    assert built.left == {"marts/mart_airport_daily": spring}


def test_a_month_alone_is_built_and_judged_alone(platform: Platform) -> None:
    assert platform.run(STG, FCT, DAILY, first=KEYS[4], last=KEYS[4]).success
    assert platform.materialized(DAILY) == {KEYS[4]}
    judged = platform.verdicts("marts/fct_flights", "unique_fct_flights_flight_key")
    assert set(judged) == {KEYS[4]}


def test_a_check_can_be_run_without_building_its_model(platform: Platform) -> None:
    check = dg.AssetCheckKey(
        dg.AssetKey(["marts", "dim_carriers"]), "unique_dim_carriers_carrier_code"
    )
    job = dg.define_asset_job("check", selection=dg.AssetSelection.checks(check))
    merged = dg.Definitions.merge(platform.definitions, dg.Definitions(jobs=[job]))
    result = merged.resolve_job_def("check").execute_in_process(
        instance=platform.instance
    )
    (evaluation,) = result.get_asset_check_evaluations()
    assert (evaluation.check_name, evaluation.passed) == (check.name, True)
    assert result.get_asset_materialization_events() == []


def test_a_model_that_cannot_be_built_fails_the_step_and_says_why(
    platform: Platform,
) -> None:
    with platform.dbt.warehouse.session() as session:
        session.execute("alter table raw.airlines rename column name to title")
    key = dg.AssetKey(["staging", "stg_airlines"])
    other = dg.AssetKey(["staging", "stg_planes"])
    result = platform.run(key, other)
    assert not result.success
    (failure,) = [e for e in result.all_events if e.is_step_failure]
    data = failure.step_failure_data.user_failure_data
    assert data is not None
    assert "stg_airlines" in str(data.description)
    assert platform.instance.get_latest_materialization_event(key) is None
    assert platform.instance.get_latest_materialization_event(other) is not None
