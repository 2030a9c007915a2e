"""Every metric against hand-written SQL over the raw tables, and what is refused."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from analytics_platform.adapters.semantic_layer import MetricRequest, SemanticLayer
from analytics_platform.adapters.warehouse import Session, open_warehouse
from analytics_platform.core.metric_filters import FieldKind, Filter
from analytics_platform.errors import InvalidUsage, NotFound
from analytics_platform.settings import Settings
from tests.support.metric_oracles import ORACLES


@pytest.fixture(scope="module")
def layer(built_home: Path) -> SemanticLayer:
    return SemanticLayer(built_home / "dbt/duckdb/target/semantic_manifest.json")


@pytest.fixture
def session(built_home: Path) -> Iterator[Session]:
    with open_warehouse(Settings(home=built_home)).session() as opened:
        yield opened


def test_there_is_an_oracle_for_every_metric(layer: SemanticLayer) -> None:
    assert set(ORACLES) == set(layer.metrics)
    assert len(layer.metrics) >= 10


@pytest.mark.parametrize("name", sorted(ORACLES))
def test_a_metric_is_what_hand_written_sql_says(
    name: str, layer: SemanticLayer, session: Session
) -> None:
    found = layer.query(session, MetricRequest((name,))).to_pylist()
    (expected,) = session.rows(f"select {ORACLES[name]} from raw.flights")
    assert found == [{name: pytest.approx(expected[0], rel=1e-9)}]


@pytest.mark.parametrize("name", sorted(ORACLES))
def test_a_metric_can_be_grouped_by_carrier_and_month(
    name: str, layer: SemanticLayer, session: Session
) -> None:
    request = MetricRequest(
        (name,),
        ("carrier__carrier_name", "metric_time__month"),
        order_by=("carrier__carrier_name", "metric_time__month"),
    )
    found = layer.query(session, request).to_pylist()
    expected = session.rows(
        f"select airlines.name, partition_date, {ORACLES[name]} from raw.flights "
        "join raw.airlines using (carrier) group by all order by 1, 2"
    )
    assert [
        (row["carrier__carrier_name"], _date(row["metric_time__month"]), row[name])
        for row in found
    ] == [(title, month, pytest.approx(value)) for title, month, value in expected]


def test_filters_keep_the_rows_they_name(
    layer: SemanticLayer, session: Session
) -> None:
    request = MetricRequest(
        ("flights", "late_flights"),
        ("flight__origin_code",),
        (
            Filter("carrier", "in", ("AA", "UA")),
            Filter("metric_time__day", ">=", date(2013, 6, 1)),
            Filter("destination_airport__airport_name", "!=", "O'Hare"),
        ),
        order_by=("-flights",),
        limit=2,
    )
    found = layer.query(session, request).to_pylist()
    expected = session.rows(
        "select origin, count(*), count(*) filter (where arr_delay > 15) "
        "from raw.flights where carrier in ('AA', 'UA') and month >= 6 "
        "and dest in (select faa from raw.airports union all "
        "values ('SJU'), ('BQN'), ('PSE'), ('STT')) "
        "group by origin order by 2 desc limit 2"
    )
    assert [tuple(row.values()) for row in found] == expected


def test_hours_in_utc_can_be_asked_for(layer: SemanticLayer, session: Session) -> None:
    hour = "flight__scheduled_departure_hour_utc__hour"
    request = MetricRequest(("flights",), (hour,), order_by=(hour,), limit=3)
    found = layer.query(session, request).to_pylist()
    expected = session.rows(
        "select time_hour, count(*) from raw.flights group by 1 order by 1 limit 3"
    )
    assert [tuple(row.values()) for row in found] == expected


def test_metrics_tell_what_they_mean(layer: SemanticLayer) -> None:
    late = layer.metrics["late_share"]
    assert (late.label, late.unit, late.owner) == (
        "Late share",
        "share",
        "team:flight-operations",
    )


def test_fields_tell_their_kind(layer: SemanticLayer) -> None:
    fields = layer.fields(["flights"])
    assert fields["carrier"] is FieldKind.ENTITY
    assert fields["flight__weather_condition"] is FieldKind.CATEGORICAL
    assert fields["metric_time__month"] is FieldKind.TIME
    assert fields["flight__scheduled_departure_hour_utc__hour"] is FieldKind.TIME
    assert "flight__flight_date__hour" not in fields


def test_tables_are_named_without_a_database(layer: SemanticLayer) -> None:
    request = MetricRequest(("flights",), ("carrier__carrier_name",))
    for dialect in ("duckdb", "postgres", "snowflake", "bigquery", "redshift"):
        sql = SemanticLayer(layer.manifest_path, dialect).sql(request)
        assert "FROM marts.fct_flights" in sql
        assert "warehouse" not in sql


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (MetricRequest(("late_shar",)), "metric 'late_shar'.*late_share"),
        (MetricRequest(("flights",), ("carier",)), "grouping 'carier'.*carrier"),
        (MetricRequest(("flights",), order_by=("-late_share",)), "order 'late_share'"),
    ],
)
def test_an_unknown_name_is_told_with_near_ones(
    layer: SemanticLayer, request_: MetricRequest, told: str
) -> None:
    with pytest.raises(NotFound, match=told):
        layer.sql(request_)


def test_a_request_without_a_metric_is_refused(layer: SemanticLayer) -> None:
    with pytest.raises(InvalidUsage, match="No metric"):
        layer.sql(MetricRequest(()))


def test_an_unknown_dialect_is_refused(layer: SemanticLayer) -> None:
    with pytest.raises(InvalidUsage, match="dialect 'oracle'"):
        SemanticLayer(layer.manifest_path, "oracle").sql(MetricRequest(("flights",)))


def test_a_missing_manifest_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no semantic manifest"):
        _ = SemanticLayer(tmp_path / "semantic_manifest.json").metrics


def _date(value: object) -> object:
    return value.date() if hasattr(value, "date") else value
