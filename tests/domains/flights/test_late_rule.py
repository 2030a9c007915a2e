"""What is late is said once: one line of the metric's YAML moves all that follows."""

import re
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from analytics_platform.adapters.dbt_project import DbtProject
from analytics_platform.adapters.duckdb_warehouse import DuckDBWarehouse
from analytics_platform.adapters.feature_views import materialize
from analytics_platform.adapters.semantic_layer import MetricRequest, SemanticLayer
from analytics_platform.adapters.training_sets import assemble
from analytics_platform.adapters.warehouse import Session
from analytics_platform.contracts.domain import FeatureView
from analytics_platform.core.feature_sql import Period
from analytics_platform.domains.flights import DOMAIN
from analytics_platform.domains.flights.features import CARRIER, ORIGIN, SPINE
from analytics_platform.settings import ROOT
from tests.support.flight_warehouse import copy_home

YEAR = Period(date(2013, 1, 1), date(2014, 1, 1))
NEXT_YEAR = datetime(2014, 1, 1, tzinfo=UTC)
MODELS = [
    *("int_flights_timed", "int_weather_at_departure", "int_plane_versions"),
    *("fct_flights", "mart_airport_daily"),
]
LATE_FROM_RAW = "select count(*) from raw.flights where arr_delay > 40"


@pytest.fixture(scope="module")
def dbt(built_home: Path, tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    """Marts and features built after the rule was changed to more than 40 minutes."""
    folder = tmp_path_factory.mktemp("late")
    project = folder / "project"
    ignored = shutil.ignore_patterns("target", "logs")
    shutil.copytree(ROOT / "dbt_project", project, ignore=ignored)
    rule = project / "models/semantics/flights.yml"
    assert rule.read_text().count("> 15") == 1
    rule.write_text(rule.read_text().replace("> 15", "> 40"))
    settings = copy_home(built_home, folder / "home")
    settings = settings.model_copy(update={"dbt_project": project})
    warehouse = DuckDBWarehouse(settings)
    opened = DbtProject(settings, warehouse)
    opened.build(MODELS)
    for view in DOMAIN.feature_views:
        materialize(warehouse, view, SPINE, YEAR)
    return opened


@pytest.fixture
def session(dbt: DbtProject) -> Iterator[Session]:
    with dbt.warehouse.session() as opened:
        yield opened


def test_the_domain_does_not_say_it_again() -> None:
    folder = ROOT / "analytics_platform/domains/flights"
    said = {
        path.name: re.findall(r"\w+_delay\w*\s*[<>]\s*\d+", path.read_text())
        for path in folder.glob("*.py")
    }
    assert {name: found for name, found in said.items() if found} == {}


def test_the_mart_of_flights_moves(session: Session) -> None:
    [(late,)] = session.rows(LATE_FROM_RAW)
    assert session.rows("select count(*) from marts.fct_flights where is_late") == [
        (late,)
    ]
    assert session.rows(
        "select count(*) filter (where has_left_late), "
        "count(*) filter (where has_left_late is null) from marts.fct_flights"
    ) == session.rows(
        "select count(*) filter (where dep_delay > 40), "
        "count(*) filter (where dep_delay is null) from raw.flights"
    )


def test_the_mart_of_airports_moves(session: Session) -> None:
    summed = "select cast(sum(late_flights) as bigint) from marts.mart_airport_daily"
    assert session.rows(summed) == session.rows(LATE_FROM_RAW)


def test_the_metric_moves(session: Session, dbt: DbtProject) -> None:
    layer = SemanticLayer(dbt.target / "semantic_manifest.json")
    found = layer.query(session, MetricRequest(("late_flights",))).to_pylist()
    [(late,)] = session.rows(LATE_FROM_RAW)
    assert found == [{"late_flights": late}]


@pytest.mark.parametrize(
    ("view", "feature", "delay", "days"),
    [
        (CARRIER, "late_share_21d", "arrival_delay_minutes", 21),
        (ORIGIN, "late_share_2h", "departure_delay_minutes", 2 / 24),
    ],
    ids=["arrivals", "departures"],
)
def test_the_feature_moves(
    session: Session, view: FeatureView, feature: str, delay: str, days: float
) -> None:
    (entity,) = view.entity
    compared = session.rows(
        f"""
        select got, avg(case when {delay} > 40 then 1.0
            when {delay} is not null then 0.0 end)
        from (
            select flight_key, {entity}, cutoff, {feature} as got
            from features.{view.name} where hash(flight_key) % 29 = 0
        ) as asked
        left join marts.fct_flights as ended on asked.{entity} = ended.{entity}
            and ended.{view.event_time} <= cutoff
            and ended.{view.event_time} > cutoff - interval {days * 24:.0f} hour
        group by asked.flight_key, got
        """
    )
    assert len(compared) > 100
    assert sum(0 < got < 1 for got, _ in compared if isinstance(got, float)) > 20
    assert [expected for _, expected in compared] == [
        pytest.approx(got) for got, _ in compared
    ]


def test_the_target_of_lateness_moves(session: Session, dbt: DbtProject) -> None:
    data = assemble(DOMAIN, dbt.warehouse, NEXT_YEAR)
    targets = data.table["target__late_arrival"].to_pylist()
    [(late,)] = session.rows(LATE_FROM_RAW)
    assert sum(target is True for target in targets) == late
