"""Features of the present and of a past that is replayed, read by the stretch."""

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analytics_platform.adapters.snapshots import Snapshot
from analytics_platform.contracts.domain import Aggregate, FeatureSpec, FeatureView
from analytics_platform.contracts.records import SnapshotManifest
from analytics_platform.core.expression_arrays import Values
from streaming import live_features
from streaming.live_features import LiveFeatures

DAY = timedelta(days=1)
START = datetime(2021, 1, 1, tzinfo=UTC)
END = START + 300 * DAY
SHOPS = ("north", "south")
VIEW = FeatureView(
    name="sales",
    description="What a shop sold lately.",
    owner="team:shops",
    entity=("shop",),
    source="marts.fct_sales",
    event_time="sold_at",
    knowledge_time="known_at",
    ttl=DAY,
    features=tuple(
        FeatureSpec(
            name=of.value,
            description="",
            aggregate=of,
            expression="amount",
            length=5 * DAY,
        )
        for of in Aggregate
    ),
)


class OneTable(Snapshot):
    """A snapshot of one table."""

    def path(self, table: str) -> Path:
        return self.folder / f"{table}.parquet"


def micros(instant: datetime) -> int:
    return round(instant.timestamp()) * 1_000_000


@pytest.fixture(scope="module")
def sales() -> list[dict[str, Any]]:
    """Six a day, in the order of the day; half are known some hours later."""
    chance = random.Random(1)  # noqa: S311 - test data
    return [
        {
            "shop": chance.choice([*SHOPS, None]),
            "sold_at": (sold := START + timedelta(hours=4 * hour)).replace(tzinfo=None),
            "known_at": sold.replace(tzinfo=None)
            + timedelta(hours=chance.choice([0, 30])),
            "amount": chance.choice([None, 0.25, 1.0, 7.0]),
        }
        for hour in range(6 * 300)
    ]


@pytest.fixture(scope="module")
def folder(
    sales: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    found = tmp_path_factory.mktemp("snapshot")
    table = pa.Table.from_pylist(sales)
    pq.write_table(table, found / "fct_sales.parquet", row_group_size=60)
    return found


def snapshot(folder: Path, as_of: datetime = END) -> OneTable:
    fields: dict[str, Any] = {"version": "v", "as_of": as_of}
    return OneTable(SnapshotManifest.model_construct(**fields), folder)


def by_hand(
    sales: Sequence[Mapping[str, Any]], shop: str, at: datetime
) -> dict[str, float | None]:
    """The features by their definition."""
    now = at.replace(tzinfo=None)
    seen = [
        (one["sold_at"], one["known_at"], one["amount"])
        for one in sales
        if one["shop"] == shop
        and one["amount"] is not None
        and now - 5 * DAY < one["sold_at"] <= now
        and one["known_at"] <= now
    ]
    amounts = [amount for _, _, amount in seen]
    if not amounts:
        return {one.value: 0 if one is Aggregate.COUNT else None for one in Aggregate}
    return {
        "count": len(amounts),
        "sum": sum(amounts),
        "mean": sum(amounts) / len(amounts),
        "min": min(amounts),
        "max": max(amounts),
        "latest": max(seen)[2],
    }


def asked(
    features: LiveFeatures, shops: Sequence[str], instants: Sequence[datetime | None]
) -> list[dict[str, float | None]]:
    at = Values(
        np.array([micros(one) if one else 0 for one in instants], dtype=np.int64),
        np.array([one is not None for one in instants]),
    )
    found = features.at({"sales": [(shop,) for shop in shops]}, at)["sales"]
    names = [one.name for one in VIEW.features]
    columns: list[list[Any]] = [one.to_list() for one in found]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def test_every_moment_has_its_features_whatever_order_it_is_asked_about_in(
    sales: list[dict[str, Any]], folder: Path
) -> None:
    chance = random.Random(2)  # noqa: S311 - test data
    features = LiveFeatures(snapshot(folder), [VIEW])
    for _ in range(6):
        shops = [chance.choice(SHOPS) for _ in range(30)]
        instants = [
            START + timedelta(hours=chance.randrange(-24 * 50, 24 * 330))
            for _ in range(30)
        ]
        wanted = [
            by_hand(sales, shop, at) for shop, at in zip(shops, instants, strict=True)
        ]
        assert asked(features, shops, instants) == wanted


@pytest.mark.parametrize("as_of", [END, END - 100 * DAY, END + 900 * DAY])
def test_the_present_begins_before_the_snapshot_and_before_its_newest_row(
    sales: list[dict[str, Any]], folder: Path, as_of: datetime
) -> None:
    features = LiveFeatures(snapshot(folder, as_of), [VIEW])
    newest = min(as_of, sales[-1]["sold_at"].replace(tzinfo=UTC))
    instants = [newest - timedelta(hours=47), newest, newest + 3 * DAY]
    found = asked(features, ["north"] * 3, instants)
    assert found == [by_hand(sales, "north", one) for one in instants]
    assert len(features.asked()) == 1
    asked(features, ["north"], [newest - timedelta(hours=49)])
    assert len(features.asked()) == 2


def test_only_row_groups_that_matter_are_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    original = pq.ParquetFile.read_row_group

    def spied(self: pq.ParquetFile, group: int, **options: Any) -> pa.Table:
        read.append(group)
        return original(self, group, **options)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", spied)
    features = LiveFeatures(snapshot(folder), [VIEW])
    assert read == [29]  # of the last ten days: two, and five before them
    asked(features, ["north"], [START - 100 * DAY])
    assert read == [29]
    asked(features, ["north"], [START + 100 * DAY])
    assert 3 <= len(read) - 1 <= 5  # 28 days, and five before them


def test_few_stretches_of_the_past_are_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_features, "_MOST_KEPT", 2)
    features = LiveFeatures(snapshot(folder), [VIEW])
    months = [START + 28 * number * DAY for number in range(6)]
    for at in months:
        asked(features, ["north"], [at])
    assert len(features._kept) == 3
    first = dict(features._kept)
    asked(features, ["north"] * 2, [END, months[-1]])
    assert features._kept == first


def test_what_was_asked_about_can_be_read_beforehand(folder: Path) -> None:
    old = LiveFeatures(snapshot(folder), [VIEW])
    asked(old, ["north"], [START + 40 * DAY])
    new = LiveFeatures(snapshot(folder), [VIEW])
    new.load(old.asked())
    assert set(new._kept) == set(old._kept)
    assert new.asked() == set()  # until somebody asks: else it would be kept for ever


def test_without_a_cutoff_there_are_no_features(folder: Path) -> None:
    features = LiveFeatures(snapshot(folder), [VIEW])
    (found,) = asked(features, ["north"], [None])
    assert set(found.values()) == {None}
