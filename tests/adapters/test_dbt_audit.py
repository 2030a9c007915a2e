"""What an audit says of each partition after a build, on a real warehouse."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from analytics_platform.adapters.dbt_audit import Audit, audit
from analytics_platform.adapters.dbt_project import DbtProject
from analytics_platform.core.dbt_manifest import Model, read_models
from tests.support.flight_warehouse import copy_home, open_parsed, parse

QUARTER = {
    "2013-02-01": (date(2013, 2, 1), date(2013, 3, 1)),
    "2013-03-01": (date(2013, 3, 1), date(2013, 4, 1)),
    "2013-04-01": (date(2013, 4, 1), date(2013, 5, 1)),
}
WHOLE = (date(2013, 2, 1), date(2013, 5, 1))
NOON = datetime(2013, 7, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def parsed(built_home: Path) -> DbtProject:
    return parse(built_home)


@pytest.fixture
def dbt(built_home: Path, tmp_path: Path, parsed: DbtProject) -> DbtProject:
    return open_parsed(copy_home(built_home, tmp_path), parsed)


def find(dbt: DbtProject, name: str) -> Model:
    (model,) = [m for m in read_models(dbt.manifest()) if m.name == name]
    return model


def build_and_audit(dbt: DbtProject, name: str) -> Audit:
    model = find(dbt, name)
    names = [model.name, *(test.name for test in model.tests)]
    ranges = QUARTER if model.partitioned else None
    result = dbt.build(names, WHOLE if model.partitioned else None, now=NOON)
    (found,) = audit(dbt.warehouse, result, [model], ranges)
    return found


def test_rows_are_counted_in_each_partition_of_the_run(dbt: DbtProject) -> None:
    found = build_and_audit(dbt, "stg_flights")
    with dbt.warehouse.session() as session:
        expected = session.rows(
            "select month, count(*) from raw.flights where month in (2, 3, 4) "
            "group by month order by month"
        )
    assert list(found.rows.items()) == [
        (f"2013-0{month}-01", count) for month, count in expected
    ]
    assert found.columns["arrival_delay_minutes"] == "BIGINT"


def test_a_whole_table_is_counted_whole(dbt: DbtProject) -> None:
    found = build_and_audit(dbt, "dim_carriers")
    assert found.rows == {None: 16}
    assert {(one.partition, one.passed) for one in found.outcomes} == {(None, True)}


def test_a_bad_row_in_march_makes_march_red_and_nothing_else(dbt: DbtProject) -> None:
    with dbt.warehouse.session() as session:
        session.execute(
            "insert into raw.flights select * from raw.flights "
            "where month = 3 order by day, time_hour, carrier, flight limit 1"
        )
        ((flight,),) = session.rows(
            "select flight from raw.flights where month = 3 "
            "order by day, time_hour, carrier, flight limit 1"
        )
    found = build_and_audit(dbt, "stg_flights")
    grain = [one for one in found.outcomes if one.check.startswith("grain_")]
    assert [(one.partition, one.passed, one.failing_rows) for one in grain] == [
        ("2013-02-01", True, 0),
        ("2013-03-01", False, 1),
        ("2013-04-01", True, 0),
    ]
    (sample,) = grain[1].samples
    assert sample["flight_number"] == flight
    assert sample["flight_date"] == "2013-03-01"


def test_known_defects_are_counted_and_not_sampled(dbt: DbtProject) -> None:
    found = build_and_audit(dbt, "stg_flights")
    cancelled = [
        one
        for one in found.outcomes
        if one.check == "not_null_stg_flights_departure_delay_minutes"
    ]
    with dbt.warehouse.session() as session:
        expected = session.rows(
            "select count(*) from raw.flights where month in (2, 3, 4) "
            "and dep_delay is null group by month order by month"
        )
    assert [(one.failing_rows,) for one in cancelled] == expected
    assert {one.samples for one in cancelled} == {()}


def test_a_test_that_cannot_run_fails_with_its_message(dbt: DbtProject) -> None:
    name = "relationships_fct_flights_carrier_code__carrier_code__ref_dim_carriers_"
    with dbt.warehouse.session() as session:
        session.execute("drop table marts.dim_carriers")
    result = dbt.build([name], WHOLE)
    (found,) = audit(dbt.warehouse, result, [find(dbt, "fct_flights")], QUARTER)
    assert {(one.passed, one.failing_rows) for one in found.outcomes} == {(False, 0)}
    assert "dim_carriers" in found.outcomes[0].detail


def test_a_model_that_was_not_touched_is_not_audited(dbt: DbtProject) -> None:
    result = dbt.build(["dim_carriers"])
    models = [find(dbt, "dim_carriers"), find(dbt, "dim_airports")]
    assert [one.model.name for one in audit(dbt.warehouse, result, models, None)] == [
        "dim_carriers"
    ]
