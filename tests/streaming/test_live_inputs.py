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
from streaming.decoding import Decoder
from streaming.live_inputs import InputPlan, LiveInputs
from tests.support.raw_records import FakeRecords

PREDICTION, STREAM = DOMAIN.live_predictions[0], DOMAIN.streams[0]
SPINE = DOMAIN.spine
MONTH = Period(date(2013, 5, 1), date(2013, 6, 1))
AT = datetime(2013, 6, 1, tzinfo=UTC)
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
    described: dict[str, Any] = {"version": "s1"}
    return Exported(SnapshotManifest.model_construct(**described), folder)


def test_live_inputs_are_those_of_batch(built_home: Path, exported: Exported) -> None:
    with open_warehouse(Settings(home=built_home)).session() as session:
        rows = batch_rows(session)
    spec = next(one for one in DOMAIN.models if one.name == PREDICTION.model)
    inputs = tuple(one.name for one in model_inputs(spec, DOMAIN))
    model = manifest(inputs, rows)
    plan = InputPlan.of(DOMAIN, PREDICTION)
    decoder = Decoder(STREAM, plan.fields | {"flight_key"})
    start, end = datetime(2013, 5, 1, 4, tzinfo=UTC), datetime(2013, 5, 4, tzinfo=UTC)
    places = {key: place for place, key in enumerate(rows["flight_key"].to_pylist())}
    values = [
        one.value
        for one in EventReplay(DOMAIN, STREAM).events(start, end)
        if b'"departure"' in one.value
    ]
    events = decoder.columns(decoder.decode(FakeRecords(values)).events)
    keys = events.items("flight_key")
    chosen = [place for place, key in enumerate(keys) if key in places]
    assert len(chosen) > 1_500
    live = LiveInputs(plan, model, exported).matrix(events)[chosen]
    wanted = rows.take(pa.array([places[keys[place]] for place in chosen]))
    batch = encode(wanted, model.inputs, model.categories)
    # float32 holds seven digits; sums of decimals may differ in the ninth place.
    np.testing.assert_allclose(live, batch, rtol=1e-6, atol=1e-6, equal_nan=True)
    assert not np.isnan(live).all(axis=0).any()
