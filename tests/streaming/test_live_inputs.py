"""Inputs of live predictions against those of batch, for the same departures."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analytics_platform.adapters.replay_events import EventReplay
from analytics_platform.adapters.snapshots import Snapshot
from analytics_platform.adapters.warehouse import Session, open_warehouse
from analytics_platform.contracts.records import ModelManifest, SnapshotManifest
from analytics_platform.core.feature_sql import Period, point_in_time_sql
from analytics_platform.core.features import relation_of
from analytics_platform.core.training.columns import feature_column
from analytics_platform.core.training.encoding import encode
from analytics_platform.core.training.inputs import model_inputs
from analytics_platform.domains.flights import DOMAIN
from analytics_platform.settings import Settings
from streaming.decoding import Columns, Decoder
from streaming.live_inputs import InputPlan, LiveInputs
from tests.support.raw_records import FakeRecords

PREDICTION, STREAM = DOMAIN.live_predictions[0], DOMAIN.streams[0]
SPINE = DOMAIN.spine
MONTH = Period(date(2013, 5, 1), date(2013, 6, 1))
AT = datetime(2013, 5, 3, 12, tzinfo=UTC)
TABLES = ("marts.fct_flights", "marts.dim_planes", "staging.stg_weather")


class Exported(Snapshot):
    """Tables in one folder."""

    def path(self, table: str) -> Path:
        """The table's file."""
        return self.folder / f"{table}.parquet"


def manifest(inputs: tuple[str, ...], table: pa.Table) -> ModelManifest:
    categories = {
        name: tuple(sorted(set(table[name].to_pylist()))) for name in SPINE.categorical
    }
    used: dict[str, Any] = {"inputs": inputs, "categories": categories}
    return ModelManifest.model_construct(name="arrival_delay", version="v1", **used)


def batch_rows(session: Session) -> pa.Table:
    """The model's inputs of a month's flights, by the warehouse's queries."""
    rows = session.arrow(
        f"select flight_key, {', '.join(SPINE.columns)} from {SPINE.source} "
        "where partition_date = date '2013-05-01' and not is_cancelled "
        "order by flight_key"
    )
    for view in DOMAIN.feature_views:
        types = session.columns(relation_of(view.source))
        sql = point_in_time_sql(view, SPINE, types, period=MONTH, dialect="duckdb")
        found = session.arrow(f"select * from ({sql}) order by flight_key")
        keep = pa.compute.is_in(found["flight_key"], rows["flight_key"])
        found = found.filter(keep)
        for feature in view.features:
            name = feature_column(view.name, feature.name)
            rows = rows.append_column(name, found[feature.name])
    return rows


@pytest.fixture(scope="module")
def exported(built_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder = tmp_path_factory.mktemp("snapshot")
    with open_warehouse(Settings(home=built_home)).session() as session:
        for relation in TABLES:
            table = session.arrow(f"select * from {relation}")
            pq.write_table(table, folder / f"{relation.partition('.')[2]}.parquet")
    return Exported(described(AT), folder)


def described(as_of: datetime) -> SnapshotManifest:
    fields: dict[str, Any] = {"version": "s1", "as_of": as_of}
    return SnapshotManifest.model_construct(**fields)


@pytest.fixture(scope="module")
def rows(built_home: Path) -> pa.Table:
    with open_warehouse(Settings(home=built_home)).session() as session:
        return batch_rows(session)


@pytest.fixture(scope="module")
def departures() -> Columns:
    """Of two days, as the replay sends them."""
    fields = InputPlan.of(DOMAIN, PREDICTION).fields | {"flight_key"}
    decoder = Decoder(STREAM, fields)
    start, end = datetime(2013, 5, 1, 4, tzinfo=UTC), datetime(2013, 5, 4, tzinfo=UTC)
    values = [
        one.value
        for one in EventReplay(DOMAIN, STREAM).events(start, end)
        if b'"departure"' in one.value
    ]
    return decoder.columns(decoder.decode(FakeRecords(values)).events)


@pytest.mark.parametrize("as_of", [AT, AT.replace(day=5), AT.replace(month=12)])
def test_live_inputs_are_those_of_batch(
    rows: pa.Table, departures: Columns, exported: Exported, as_of: datetime
) -> None:
    """The departures are partly or wholly of the past, or all of the present.

    Each is asked about as of an hour before its schedule; rows of later flights and
    of flights that landed after that lie in the same tables.
    """
    spec = next(one for one in DOMAIN.models if one.name == PREDICTION.model)
    model = manifest(tuple(one.name for one in model_inputs(spec, DOMAIN)), rows)
    places = {key: place for place, key in enumerate(rows["flight_key"].to_pylist())}
    keys = departures.items("flight_key")
    chosen = [place for place, key in enumerate(keys) if key in places]
    assert len(chosen) > 1_500
    snapshot = Exported(described(as_of), exported.folder)
    inputs = LiveInputs(InputPlan.of(DOMAIN, PREDICTION), model, snapshot)
    live = inputs.matrix(departures)[chosen]
    wanted = rows.take(pa.array([places[keys[place]] for place in chosen]))
    batch = encode(wanted, model.inputs, model.categories)
    np.testing.assert_array_equal(live, batch)  # bit by bit; missing is missing
    assert not np.isnan(live).all(axis=0).any()


def test_what_a_snapshot_says_is_read_once_and_what_was_asked_about_is_read_again(
    rows: pa.Table, departures: Columns, exported: Exported
) -> None:
    plan, model = InputPlan.of(DOMAIN, PREDICTION), manifest(SPINE.columns[:3], rows)
    old = LiveInputs(plan, model, exported)
    assert LiveInputs(plan, model, exported, old).features is old.features
    newer = described(AT).model_copy(update={"version": "s2"})
    new = LiveInputs(plan, model, Exported(newer, exported.folder), old)
    assert new.features is not old.features
    np.testing.assert_array_equal(new.matrix(departures), old.matrix(departures))
