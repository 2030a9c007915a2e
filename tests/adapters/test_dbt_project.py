"""The dbt project, compiled and built in this process."""

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from analytics_platform.adapters.dbt_project import DbtProject
from analytics_platform.adapters.dbt_results import Status
from analytics_platform.adapters.warehouse import open_warehouse
from analytics_platform.errors import InvalidUsage, NotFound
from analytics_platform.settings import ROOT, Settings
from tests.support.flight_warehouse import copy_home, open_parsed, parse

MARCH = (date(2013, 3, 1), date(2013, 4, 1))
NOON = datetime(2013, 7, 1, 12, tzinfo=UTC)
FLIGHTS = ["int_flights_timed", "int_weather_at_departure", "fct_flights"]
MARTS = ["mart_airport_daily", "mart_carrier_hourly"]


@pytest.fixture(scope="module")
def parsed(built_home: Path) -> DbtProject:
    return parse(built_home)


@pytest.fixture
def settings(built_home: Path, tmp_path: Path) -> Settings:
    return copy_home(built_home, tmp_path / "home")


@pytest.fixture
def dbt(settings: Settings, parsed: DbtProject) -> DbtProject:
    return open_parsed(settings, parsed)


@pytest.fixture
def own_project(settings: Settings, tmp_path: Path) -> Settings:
    """Settings with a copy of the dbt project that a test may change."""
    copy = tmp_path / "project"
    ignored = shutil.ignore_patterns("target", "logs")
    shutil.copytree(ROOT / "dbt_project", copy, ignore=ignored)
    return settings.model_copy(update={"dbt_project": copy})


def rows(dbt: DbtProject, relation: str) -> list[tuple[object, ...]]:
    with dbt.warehouse.session() as session:
        return sorted(session.rows(f"select * from {relation}"), key=str)


def test_the_manifest_is_compiled_once_and_again_when_a_file_changes(
    own_project: Settings,
) -> None:
    def compiled() -> tuple[dict[str, object], int]:
        dbt = DbtProject(own_project, open_warehouse(own_project))
        return dbt.manifest(), (dbt.target / "manifest.json").stat().st_mtime_ns

    first, written = compiled()
    assert compiled()[1] == written
    model = own_project.dbt_project / "models/marts/dim_carriers.sql"
    model.write_text(model.read_text() + "-- changed\n")
    second, rewritten = compiled()
    assert rewritten > written
    assert first.keys() == second.keys()


def test_a_change_is_seen_by_a_project_that_is_already_open(
    own_project: Settings,
) -> None:
    dbt = DbtProject(own_project, open_warehouse(own_project))
    dbt.build(["dim_carriers"])
    model = own_project.dbt_project / "models/marts/dim_carriers.sql"
    shouted = "upper(carrier_name) as carrier_name"
    model.write_text(model.read_text().replace("carrier_name", shouted))
    dbt.build(["dim_carriers"])
    names = {str(name) for _, name in rows(dbt, "marts.dim_carriers")}
    assert "UNITED AIR LINES INC." in names


def test_compiling_needs_no_warehouse(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    manifest = DbtProject(settings, open_warehouse(settings)).manifest()
    assert not settings.duckdb_path.exists()
    compiled = manifest["nodes"]["model.flight_operations.fct_flights"]
    assert "from" in compiled["compiled_code"].lower()
    assert manifest["column_lineage"]["unparsed"] == []


def test_the_semantic_manifest_is_beside_the_manifest(dbt: DbtProject) -> None:
    dbt.manifest()
    metrics = json.loads(dbt.semantic_manifest_path.read_bytes())["metrics"]
    assert {"flights", "late_share"} <= {metric["name"] for metric in metrics}


def test_a_build_leaves_the_file_free_for_other_processes(
    dbt: DbtProject, settings: Settings
) -> None:
    dbt.build(["dim_carriers"])
    code = "import duckdb, sys; duckdb.connect(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, str(settings.duckdb_path)], check=True)


def test_a_build_leaves_the_environment_as_it_was(dbt: DbtProject) -> None:
    before = dict(os.environ)
    dbt.build(["dim_carriers"], MARCH, now=NOON)
    assert dict(os.environ) == before


def test_only_the_named_nodes_are_built(dbt: DbtProject) -> None:
    result = dbt.build(["dim_carriers", "unique_dim_carriers_carrier_code"])
    assert {node.unique_id.split(".")[2] for node in result.nodes} == {
        "dim_carriers",
        "unique_dim_carriers_carrier_code",
    }
    assert {node.status for node in result.nodes} == {Status.SUCCESS, Status.PASS}


def test_building_a_partition_again_gives_the_same_rows_and_touches_no_other(
    dbt: DbtProject,
) -> None:
    before = {name: rows(dbt, f"marts.{name}") for name in ("fct_flights", *MARTS)}
    dbt.build([*FLIGHTS, *MARTS], MARCH)
    after = {name: rows(dbt, f"marts.{name}") for name in ("fct_flights", *MARTS)}
    assert before == after


def test_a_change_in_one_partition_reaches_that_partition_only(dbt: DbtProject) -> None:
    with dbt.warehouse.session() as session:
        session.execute("update raw.flights set arr_delay = 500 where day = 1")
    before = rows(dbt, "marts.mart_airport_daily")
    dbt.build([*FLIGHTS, *MARTS], MARCH)
    after = rows(dbt, "marts.mart_airport_daily")
    changed = {str(row[0]) for row in set(before) ^ set(after)}
    assert changed == {"2013-03-01"}


def test_a_partition_that_is_empty_at_the_source_becomes_empty(dbt: DbtProject) -> None:
    with dbt.warehouse.session() as session:
        session.execute("delete from raw.flights where month = 3")
    dbt.build([*FLIGHTS, *MARTS], MARCH)
    with dbt.warehouse.session() as session:
        found = session.rows(
            "select count(*) filter (where partition_date = '2013-03-01'), "
            "count(*) > 0 from marts.mart_airport_daily"
        )
    assert found == [(0, True)]


def test_a_changed_plane_gets_a_version_at_the_time_of_the_platform(
    dbt: DbtProject,
) -> None:
    with dbt.warehouse.session() as session:
        session.execute("update raw.planes set seats = 999 where tailnum = 'N10156'")
        session.execute("delete from raw.planes where tailnum = 'N102UW'")
    dbt.build(["snap_planes", "dim_planes", "int_plane_versions"], now=NOON)
    with dbt.warehouse.session() as session:
        versions = session.rows(
            "select tail_number, seat_count, valid_from_utc, valid_to_utc "
            "from snapshots.snap_planes where tail_number in ('N10156', 'N102UW') "
            "order by tail_number, valid_from_utc"
        )
        current = session.rows(
            "select tail_number, seat_count from marts.dim_planes "
            "where tail_number in ('N10156', 'N102UW')"
        )
    first, noon = datetime(2013, 6, 1), datetime(2013, 7, 1, 12)  # noqa: DTZ001
    assert versions == [
        ("N10156", 55, first, noon),
        ("N10156", 999, noon, None),
        ("N102UW", 182, first, noon),
    ]
    assert current == [("N10156", 999)]


def test_a_model_that_fails_is_a_result_and_what_follows_is_skipped(
    dbt: DbtProject,
) -> None:
    with dbt.warehouse.session() as session:
        session.execute("alter table raw.airlines rename column name to title")
    result = dbt.build(["stg_airlines", "dim_carriers"])
    status = {node.unique_id.split(".")[2]: node.status for node in result.nodes}
    assert status == {"stg_airlines": Status.ERROR, "dim_carriers": Status.SKIPPED}
    assert "name" in result.by_id["model.flight_operations.stg_airlines"].message


def test_a_folder_without_a_project_is_named(
    settings: Settings, tmp_path: Path
) -> None:
    elsewhere = settings.model_copy(update={"dbt_project": tmp_path / "nowhere"})
    with pytest.raises(NotFound, match="ANALYTICS_DBT_PROJECT"):
        DbtProject(elsewhere, open_warehouse(elsewhere)).manifest()


def test_a_project_that_cannot_be_read_is_an_error_that_says_where(
    own_project: Settings,
) -> None:
    broken = own_project.dbt_project / "models/marts/dim_carriers.sql"
    broken.write_text("select {{ nonsense(")
    with pytest.raises(InvalidUsage, match="dim_carriers"):
        DbtProject(own_project, open_warehouse(own_project)).manifest()


def test_a_changed_rule_moves_mart_and_row_together(own_project: Settings) -> None:
    """Late from 31 minutes on: one line of the metric's YAML, and nothing else."""
    rule = own_project.dbt_project / "models/semantics/flights.yml"
    assert rule.read_text().count("arrival_delay_minutes > 15") == 1
    rule.write_text(rule.read_text().replace("_minutes > 15", "_minutes > 30"))
    dbt = DbtProject(own_project, open_warehouse(own_project))
    dbt.build([*FLIGHTS, *MARTS])
    with dbt.warehouse.session() as session:
        expected = session.rows("select count(*) from raw.flights where arr_delay > 30")
        assert (
            session.rows("select count(*) from marts.fct_flights where is_late")
            == expected
        )
        assert (
            session.rows(
                "select cast(sum(late_flights) as bigint) from marts.mart_airport_daily"
            )
            == expected
        )
