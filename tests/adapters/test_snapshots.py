"""Publishing, reading, rolling back and deleting snapshots."""

import hashlib
import json
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from analytics_platform.adapters.control_store.ledger import Note
from analytics_platform.adapters.snapshot_publication import Part, Publication
from analytics_platform.adapters.snapshots import SnapshotStore, made_at, version_name
from analytics_platform.contracts.domain import Severity
from analytics_platform.contracts.records import (
    ColumnProfile,
    SnapshotManifest,
    TableProfile,
    Verdict,
)
from analytics_platform.errors import Conflict, DiskFull, InvalidUsage, NotFound
from analytics_platform.settings import SnapshotSettings
from tests.support.instants import START, at
from tests.support.publisher import (
    fill,
    open_snapshots,
    open_warehouse,
    publication,
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose warehouse has tables to publish."""
    fill(tmp_path)
    return tmp_path


@pytest.fixture
def snapshots(home: Path) -> SnapshotStore:
    """Its snapshots: two kept, no grace."""
    return open_snapshots(home)


def publish(
    snapshots: SnapshotStore, home: Path, seconds: float = 0, run: str = "run-1"
) -> SnapshotManifest:
    warehouse = open_warehouse(home)
    return snapshots.publish(publication(home, run), warehouse, at=at(seconds))


def note(seconds: float = 0) -> Note:
    return Note("ada", "rollback", {}, at(seconds))


def versions(snapshots: SnapshotStore) -> list[str]:
    return [manifest.version for manifest in snapshots.list()]


def current(snapshots: SnapshotStore) -> str:
    found = snapshots.current()
    assert found is not None
    return found.manifest.version


def test_nothing_is_current_before_the_first_publish(snapshots: SnapshotStore) -> None:
    assert snapshots.current() is None
    assert snapshots.list() == []


def test_what_was_published_is_current_and_says_what_it_holds(
    snapshots: SnapshotStore, home: Path
) -> None:
    manifest = publish(snapshots, home)
    found = snapshots.current()
    assert found is not None
    assert found.manifest == manifest
    tables = {one.name: (one.path, one.rows, one.kind) for one in manifest.tables}
    assert tables == {
        "fct_trips": ("marts/fct_trips.parquet", 1000, "mart"),
        "trip_history": ("features/trip_history.parquet", 1000, "features"),
        "verdicts": ("quality/verdicts.parquet", 0, "quality"),
        "profiles": ("quality/profiles.parquet", 0, "quality"),
    }
    assert manifest.tables[0].columns == {
        "trip": "int64",
        "day": "date32[day]",
        "delay_minutes": "decimal128(21, 1)",
        "line": "string",
    }
    assert manifest.created_at == START
    assert manifest.feature_views == {"trip_history": "1"}


def test_the_files_are_those_that_the_manifest_describes(
    snapshots: SnapshotStore, home: Path
) -> None:
    publish(snapshots, home)
    found = snapshots.current()
    assert found is not None
    for one in found.manifest.tables:
        content = found.path(one.name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (
            one.bytes,
            one.sha256,
        )
    text = found.semantic_manifest.read_bytes()
    assert json.loads(text) == {"metrics": []}
    assert found.manifest.semantic_manifest_sha256 == hashlib.sha256(text).hexdigest()
    with pytest.raises(NotFound, match="no table 'fct_none'"):
        found.path("fct_none")


def test_published_rows_are_those_of_the_warehouse(
    snapshots: SnapshotStore, home: Path
) -> None:
    publish(snapshots, home)
    found = snapshots.current()
    assert found is not None
    with open_warehouse(home).session() as session:
        expected = session.rows("select * from marts.fct_trips order by trip")
    rows = duckdb.sql(f"from '{found.path('fct_trips')}' order by trip").fetchall()
    assert rows == expected


def test_identical_rows_give_identical_bytes_in_whatever_order_they_lie(
    snapshots: SnapshotStore, home: Path
) -> None:
    fill(home, rows=300_000)
    first = publish(snapshots, home, 1)
    fill(home, rows=300_000, order="hash(trip)")
    second = publish(snapshots, home, 2)
    parts = ("fct_trips", "trip_history")
    one, other = (
        {table.name: table.sha256 for table in manifest.tables if table.name in parts}
        for manifest in (first, second)
    )
    assert one == other


def test_a_changed_row_changes_only_the_tables_it_is_in(
    snapshots: SnapshotStore, home: Path
) -> None:
    first = publish(snapshots, home, 1)
    with open_warehouse(home).session() as session:
        session.execute("update marts.fct_trips set delay_minutes = 7 where trip = 5")
    second = publish(snapshots, home, 2)
    changed = [
        one.name
        for one, other in zip(first.tables, second.tables, strict=True)
        if one.sha256 != other.sha256
    ]
    assert changed == ["fct_trips"]


def test_quality_is_published_with_the_data(
    snapshots: SnapshotStore, home: Path
) -> None:
    verdict = Verdict(
        asset="raw/trips",
        partition="2013-01-01",
        check="not_null",
        passed=False,
        severity=Severity.WARN,
        blocking=False,
        failing_rows=1,
        total_rows=5,
        samples=({"trip": 3, "line": None},),
        run_id="run-1",
        evaluated_at=at(0),
    )
    column = ColumnProfile(name="line", type="string", null_share=0.2, distinct=4)
    profile = TableProfile(
        asset="raw/trips",
        rows=5,
        columns=(column,),
        run_id="run-1",
        profiled_at=at(0),
    )
    snapshots.store.verdicts.record([verdict])
    snapshots.store.profiles.record(profile.model_copy(update={"rows": 4}))
    snapshots.store.profiles.record(profile)
    assert publish(snapshots, home).status == "warning"
    found = snapshots.current()
    assert found is not None
    query = f"select asset, severity, samples from '{found.path('verdicts')}'"
    assert duckdb.sql(query).fetchall() == [
        ("raw/trips", "warn", '[{"trip": 3, "line": null}]')
    ]
    query = f"select \"column\", rows, null_share from '{found.path('profiles')}'"
    assert duckdb.sql(query).fetchall() == [("line", 5, 0.2)]


def test_the_ledger_tells_of_every_publish(
    snapshots: SnapshotStore, home: Path
) -> None:
    manifest = publish(snapshots, home)
    entry = snapshots.store.ledger.entries("snapshot")[0]
    assert (entry.actor, entry.action, entry.at) == ("run run-1", "publish", START)
    assert entry.details["version"] == manifest.version
    assert entry.details["tables"] == {t.name: t.sha256 for t in manifest.tables}


@pytest.mark.parametrize("missing", ["marts.fct_none", "nowhere.fct_trips"])
def test_a_relation_that_is_not_there_keeps_the_last_version(
    snapshots: SnapshotStore, home: Path, missing: str
) -> None:
    before = publish(snapshots, home, 1).version
    what = publication(home)
    parts = (*what.parts, Part("none", missing, "mart"))
    broken = Publication(**{**vars(what), "parts": parts})
    with pytest.raises(NotFound, match=missing):
        snapshots.publish(broken, open_warehouse(home), at=at(2))
    assert (current(snapshots), versions(snapshots)) == (before, [before])


def test_without_semantic_manifest_nothing_is_published(
    snapshots: SnapshotStore, home: Path
) -> None:
    (home / "semantic_manifest.json").unlink()
    with pytest.raises(NotFound, match="dbt parse"):
        publish(snapshots, home)
    assert snapshots.list() == []


def test_two_tables_of_one_name_are_refused(
    snapshots: SnapshotStore, home: Path
) -> None:
    what = publication(home)
    parts = (*what.parts, Part("verdicts", "marts.fct_trips", "mart"))
    doubled = Publication(**{**vars(what), "parts": parts})
    with pytest.raises(InvalidUsage, match="of one name: verdicts"):
        snapshots.publish(doubled, open_warehouse(home), at=at(0))


def test_when_another_version_became_current_meanwhile_nothing_is_replaced(
    snapshots: SnapshotStore, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = publish(snapshots, home, 1).version
    second = publish(snapshots, home, 2).version
    quality = SnapshotStore._quality

    def roll_back_meanwhile(self: SnapshotStore) -> object:
        self.rollback(first, note(3))
        return quality(self)

    monkeypatch.setattr(SnapshotStore, "_quality", roll_back_meanwhile)
    with pytest.raises(Conflict):
        publish(snapshots, home, 3)
    assert current(snapshots) == first
    assert versions(snapshots) == [first, second]


def test_a_rollback_makes_an_earlier_version_current_and_is_in_the_ledger(
    snapshots: SnapshotStore, home: Path
) -> None:
    first = publish(snapshots, home, 1).version
    publish(snapshots, home, 2)
    release = snapshots.rollback(first, note(3))
    assert (release.version, current(snapshots)) == (first, first)
    assert snapshots.store.ledger.entries()[-1].action == "rollback"
    assert snapshots.store.ledger.verify() == 3


def test_a_rollback_to_what_is_current_or_unknown_is_refused(
    snapshots: SnapshotStore, home: Path
) -> None:
    only = publish(snapshots, home).version
    with pytest.raises(InvalidUsage, match="is current"):
        snapshots.rollback(only, note())
    with pytest.raises(NotFound, match="analytics snapshots list"):
        snapshots.rollback("20130101T000000.000000Z-none", note())


def test_the_newest_versions_are_kept(snapshots: SnapshotStore, home: Path) -> None:
    made = [publish(snapshots, home, second).version for second in range(4)]
    assert versions(snapshots) == made[-2:]


def test_a_replaced_version_stays_for_its_readers_until_its_grace_is_over(
    home: Path,
) -> None:
    retention = SnapshotSettings(keep=1, grace_seconds=60)
    snapshots = open_snapshots(home, retention)
    first = publish(snapshots, home, 0).version
    second = publish(snapshots, home, 100).version
    assert snapshots.prune(at(159)) == []
    assert snapshots.prune(at(160)) == [first]
    assert versions(snapshots) == [second]


def test_a_version_about_to_be_deleted_cannot_become_current(home: Path) -> None:
    snapshots = open_snapshots(home, SnapshotSettings(keep=1, grace_seconds=60))
    first = publish(snapshots, home, 0).version
    publish(snapshots, home, 100)
    with pytest.raises(NotFound, match="its time is over"):
        snapshots.rollback(first, note(159))


def test_a_version_rolled_back_to_is_not_deleted(
    snapshots: SnapshotStore, home: Path
) -> None:
    first = publish(snapshots, home, 1).version
    publish(snapshots, home, 2)
    snapshots.rollback(first, note(3))
    assert snapshots.prune(at(10_000)) == []
    publish(snapshots, home, 10_001)
    assert first not in versions(snapshots)


def test_what_is_not_a_snapshot_is_left_alone(
    snapshots: SnapshotStore, home: Path
) -> None:
    publish(snapshots, home)
    with snapshots.artifacts.staged("snapshots", "by-hand") as stage:
        (stage / "manifest.json").write_text("{}")
    snapshots.prune(at(10_000))
    assert snapshots.artifacts.has("snapshots", "by-hand")
    assert len(snapshots.list()) == 1


def test_a_disk_that_is_full_keeps_the_last_version(
    snapshots: SnapshotStore, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = publish(snapshots, home, 1).version

    def fail(*_args: object, **_kwargs: object) -> None:
        raise duckdb.IOException("Could not write file: No space left on device")

    monkeypatch.setattr(
        "analytics_platform.adapters.snapshot_publication.write_relation", fail
    )
    with pytest.raises(DiskFull, match="was not written"):
        publish(snapshots, home, 2)
    assert (current(snapshots), versions(snapshots)) == (before, [before])
    left = {p.name for p in (home / "artifacts" / "snapshots").iterdir()}
    assert left == {".lock", before}


def test_versions_sort_by_the_time_they_were_made() -> None:
    early, late = version_name(at(0), "ff-ee"), version_name(at(1e-6), "00-11-22-33-4")
    assert early < late
    assert early == "20260301T120000.000000Z-ffee"
    assert made_at(late) == START + timedelta(microseconds=1)
    assert version_name(at(0), "") == "20260301T120000.000000Z-none"
