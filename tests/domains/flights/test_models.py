"""The reference domain's models see nothing of what they predict."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from analytics_platform.adapters.duckdb_warehouse import DuckDBWarehouse
from analytics_platform.adapters.feature_views import materialize
from analytics_platform.adapters.training_sets import assemble
from analytics_platform.core.feature_sql import Period
from analytics_platform.core.training.inputs import leaking_inputs, model_inputs
from analytics_platform.core.training.training_set import TrainingSet
from analytics_platform.domains.flights import DOMAIN
from analytics_platform.domains.flights.features import FEATURE_VIEWS, SPINE
from analytics_platform.domains.flights.models import MODELS
from tests.support.flight_warehouse import copy_home

YEAR = Period(date(2013, 1, 1), date(2014, 1, 1))
NEXT_YEAR = datetime(2014, 1, 1, tzinfo=UTC)
# All outcomes of the source, as its own columns are called.
RAW_OUTCOMES = {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"}
PRESENT = "timestamp '2013-06-01 16:00:00'"


def ancestors(home: Path, *columns: str) -> dict[str, set[str]]:
    """The names of all columns behind those of the fact table, by dbt's lineage."""
    (target,) = home.glob("dbt/*/target")
    nodes = json.loads((target / "manifest.json").read_text())["nodes"]
    models = json.loads((target / "column_lineage.json").read_text())["models"]
    behind = {
        f"{nodes[one]['schema']}/{nodes[one]['alias']}.{name}": found
        for one, columns_of in models.items()
        for name, found in columns_of.items()
    }
    return {
        column: {
            one.rpartition(".")[2]
            for one in _closure(f"marts/fct_flights.{column}", behind)
        }
        for column in columns
    }


def _closure(column: str, behind: dict[str, list[str]]) -> set[str]:
    found = set(behind.get(column, ()))
    return found.union(*(_closure(one, behind) for one in found))


def inputs(data: TrainingSet) -> pa.Table:
    names = {one.name for model in MODELS for one in model_inputs(model, DOMAIN)}
    return data.table.select(["flight_key", *sorted(names)])


def build_features(warehouse: DuckDBWarehouse) -> None:
    for view in FEATURE_VIEWS:
        materialize(warehouse, view, SPINE, YEAR)


@pytest.mark.parametrize("spec", MODELS, ids=lambda spec: str(spec.name))
def test_no_input_is_or_comes_from_an_outcome(spec: object, built_home: Path) -> None:
    (declared,) = [one for one in MODELS if one is spec]
    assert set(declared.leaks) >= RAW_OUTCOMES
    behind = ancestors(built_home, *SPINE.columns)
    assert all(behind.values()), behind
    assert leaking_inputs(declared, DOMAIN, behind) == ()


def test_lineage_would_show_an_input_computed_from_an_outcome(
    built_home: Path,
) -> None:
    outcomes = ("actual_arrival_utc", "is_late", "is_cancelled", "known_at_utc")
    behind = ancestors(built_home, *outcomes)
    assert "arr_delay" in behind["actual_arrival_utc"]
    for model in MODELS:
        renamed = {"distance_miles": behind["actual_arrival_utc"]}
        found = leaking_inputs(model, DOMAIN, renamed)
        assert "distance_miles (from arr_delay)" in found
        assert set(outcomes) <= set(model.leaks)


def test_outcomes_from_now_on_change_no_input_of_a_flight_about_to_leave(
    built_home: Path, tmp_path: Path
) -> None:
    warehouse = DuckDBWarehouse(copy_home(built_home, tmp_path / "home"))
    build_features(warehouse)
    before = assemble(DOMAIN, warehouse, NEXT_YEAR)
    with warehouse.session() as session:
        # What has not happened yet happens otherwise.
        session.execute(
            "update marts.fct_flights set "
            "arrival_delay_minutes = arrival_delay_minutes + 500, "
            "actual_arrival_utc = actual_arrival_utc + interval 500 minute, "
            "known_at_utc = known_at_utc + interval 500 minute, "
            f"air_time_minutes = 1, is_late = true where known_at_utc > {PRESENT}"
        )
        session.execute(
            "update marts.fct_flights set "
            "departure_delay_minutes = departure_delay_minutes + 500, "
            "actual_departure_utc = actual_departure_utc + interval 500 minute "
            f"where actual_departure_utc > {PRESENT}"
        )
    build_features(warehouse)
    after = assemble(DOMAIN, warehouse, NEXT_YEAR)
    leaving = set(_leaving(warehouse))
    first, second = (_of(inputs(data), leaving) for data in (before, after))
    assert first.num_rows > 20
    assert first.equals(second)
    targets = [f"target__{model.name}" for model in MODELS]
    for name in targets:  # the change did reach what is to be predicted
        outcomes = [_of(data.table, leaving)[name] for data in (before, after)]
        assert outcomes[0] != outcomes[1]


def _leaving(warehouse: DuckDBWarehouse) -> list[str]:
    """Flights whose prediction is due at the present, or was within the last hour."""
    with warehouse.session() as session:
        found = session.rows(
            "select flight_key from marts.fct_flights where scheduled_departure_utc "
            f"between {PRESENT} and {PRESENT} + interval 1 hour"
        )
    return [str(row[0]) for row in found]


def _of(table: pa.Table, keys: set[str]) -> pa.Table:
    return table.filter(
        pa.array([key in keys for key in table["flight_key"].to_pylist()])
    )
