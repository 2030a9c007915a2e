"""Rows of published tables: which are read, as what, and what is refused."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analytics_platform.adapters.snapshot_rows import (
    Stretch,
    lookup_rows,
    newest_us,
    source_rows,
)
from analytics_platform.adapters.snapshots import Snapshot
from analytics_platform.contracts.domain import Aggregate, FeatureSpec, FeatureView
from analytics_platform.contracts.records import SnapshotManifest
from analytics_platform.contracts.streams import Lookup
from analytics_platform.errors import InvalidData, InvalidUsage

DAY = timedelta(days=1)
DAY_US = 86_400_000_000
START = datetime(2022, 3, 1, tzinfo=UTC)
START_US = round(START.timestamp()) * 1_000_000


class Folder(Snapshot):
    """Tables in one folder."""

    def path(self, table: str) -> Path:
        return self.folder / f"{table}.parquet"


def view(name: str, days: int, **changes: Any) -> FeatureView:
    feature = FeatureSpec(
        name="total",
        description="",
        aggregate=Aggregate.SUM,
        expression="amount",
        length=days * DAY,
    )
    fields: dict[str, Any] = {
        "name": name,
        "description": "",
        "owner": "team:shops",
        "entity": ("shop", "till"),
        "source": "marts.sales",
        "event_time": "at",
        "knowledge_time": "at",
        "ttl": DAY,
        "features": (feature,),
    }
    return FeatureView(**{**fields, **changes})


def snapshot(folder: Path, at: list[Any], kind: Any = None) -> Folder:
    """A sale a day; the shop of the third is not known."""
    rows = len(at)
    table = pa.table(
        {
            "shop": [None if n == 2 else f"s{n % 2}" for n in range(rows)],
            "till": [n % 3 for n in range(rows)],
            "at": pa.array(at, kind),
            "amount": [float(n) for n in range(rows)],
        }
    )
    pq.write_table(table, folder / "sales.parquet", row_group_size=4)
    told: dict[str, Any] = {}
    return Folder(SnapshotManifest.model_construct(**told), folder)


INSTANTS = [START + n * DAY for n in range(20)]
KINDS: dict[str, tuple[list[Any], Any]] = {
    "naive": ([one.replace(tzinfo=None) for one in INSTANTS], pa.timestamp("us")),
    "zoned": (INSTANTS, pa.timestamp("us", "America/New_York")),
    "dates": ([date(2022, 3, n + 1) for n in range(20)], pa.date32()),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_view_has_the_rows_that_cutoffs_of_the_stretch_can_see(
    tmp_path: Path, kind: str
) -> None:
    # Cut-offs of [10, 12) days: 3 days back 8, 9, 10, 11; 6 days back from 5 on.
    stretch = Stretch(START_US + 10 * DAY_US, START_US + 12 * DAY_US)
    views = [view("short", 3), view("long", 6)]
    found = source_rows(snapshot(tmp_path, *KINDS[kind]), views, stretch)
    amounts = {n: one.columns["amount"].to_list() for n, one in found.items()}
    assert amounts == {
        "short": [8.0, 9.0, 10.0, 11.0],
        "long": [5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0],
    }
    first = found["long"].event_us.data[0]
    assert first == START_US + 5 * DAY_US


def test_entities_are_numbered_and_nobody_is_none(tmp_path: Path) -> None:
    everything = Stretch(START_US, START_US + 100 * DAY_US)
    (found,) = source_rows(
        snapshot(tmp_path, KINDS["naive"][0]), [view("all", 30)], everything
    ).values()
    named = [found.entities[n] if n >= 0 else None for n in found.codes.tolist()]
    wanted = [None if n == 2 else (f"s{n % 2}", n % 3) for n in range(20)]
    assert named == wanted


def test_the_newest_row_is_known_without_reading(tmp_path: Path) -> None:
    found = snapshot(tmp_path, KINDS["naive"][0])
    assert newest_us(found, [view("any", 1)]) == START_US + 19 * DAY_US
    assert newest_us(found, []) is None


def test_no_row_at_all_is_fine(tmp_path: Path) -> None:
    long_ago = Stretch(0, DAY_US)
    (found,) = source_rows(
        snapshot(tmp_path, KINDS["naive"][0]), [view("none", 1)], long_ago
    ).values()
    assert (found.codes.size, list(found.entities)) == (0, [])


def test_a_missing_column_and_one_of_no_use_are_refused(tmp_path: Path) -> None:
    made = snapshot(tmp_path, KINDS["naive"][0])
    stretch = Stretch(START_US, START_US + DAY_US)
    with pytest.raises(InvalidUsage, match="no column sold"):
        source_rows(made, [view("v", 1, event_time="sold")], stretch)
    lookup = Lookup(table="sales", key={"till": "till"}, columns={"when": "at"})
    with pytest.raises((InvalidUsage, InvalidData)):
        lookup_rows(made, lookup)


def test_a_lookup_finds_each_row_by_its_key(tmp_path: Path) -> None:
    made = snapshot(tmp_path, KINDS["naive"][0])
    lookup = Lookup(table="sales", key={"amount": "n"}, columns={"shop_name": "shop"})
    places, columns = lookup_rows(made, lookup)
    names = columns["shop_name"].to_list()
    assert [names[places[n,]] for n in (0.0, 1.0, 2.0)] == ["s0", "s1", None]
