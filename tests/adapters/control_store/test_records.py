"""Profiles, quarantine, inbox and outbox."""

import pytest

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.contracts.records import (
    ColumnProfile,
    InboxFile,
    InboxStatus,
    QuarantineEntry,
    TableProfile,
)
from analytics_platform.errors import Conflict, NotFound
from tests.support.instants import at


def profile(asset: str, rows: int) -> TableProfile:
    column = ColumnProfile(
        name="delay",
        type="double",
        null_share=0.25,
        distinct=3,
        minimum=-1.5,
        maximum="z",
        mean=2.0,
        quantiles={"0.5": 1.0},
        top_values=(("a", 2), (None, 1), (1, 1), (True, 1)),
        histogram_edges=(0.0, 1.0),
        histogram_counts=(4,),
    )
    return TableProfile(
        asset=asset,
        partitions=("2013-01-01",),
        rows=rows,
        columns=(column,),
        run_id="run",
        profiled_at=at(rows),
    )


def entry(id: str, partition: str | None = "2013-03-01") -> QuarantineEntry:
    return QuarantineEntry(
        id=id,
        table="trips",
        partition=partition,
        origin="load",
        rows=1,
        reason="text among numbers",
        location=f"quarantine/{id}.parquet",
        run_id="run",
        created_at=at(0),
    )


def file(path: str, status: InboxStatus, sha256: str = "aa") -> InboxFile:
    return InboxFile(
        path=path,
        size=3,
        sha256=sha256,
        table="trips",
        status=status,
        run_id="run",
        handled_at=at(0),
    )


def test_the_newest_profiles_come_first(store: ControlStore) -> None:
    given = [profile("raw/a", rows) for rows in (1, 2, 3)]
    for one in (*given, profile("raw/b", 9)):
        store.profiles.record(one)
    assert store.profiles.latest("raw/a") == [given[2], given[1]]
    assert store.profiles.latest("raw/none") == []
    assert store.profiles.assets() == ["raw/a", "raw/b"]


def test_a_quarantine_entry_is_open_until_released(store: ControlStore) -> None:
    store.quarantine.add(entry("q1"))
    store.quarantine.add(entry("q2"))
    store.quarantine.mark_released("q1", at(9))
    assert [e.id for e in store.quarantine.open()] == ["q2"]
    assert store.quarantine.find("q1").released_at == at(9)
    assert store.quarantine.open("other") == []


def test_a_closed_entry_cannot_be_released_again(store: ControlStore) -> None:
    store.quarantine.add(entry("q1"))
    store.quarantine.mark_released("q1", at(1))
    with pytest.raises(Conflict):
        store.quarantine.mark_released("q1", at(2))
    assert store.quarantine.find("q1").released_at == at(1)


def test_an_unknown_entry_is_named(store: ControlStore) -> None:
    with pytest.raises(NotFound, match="'q9'"):
        store.quarantine.find("q9")
    with pytest.raises(NotFound, match="'q9'"):
        store.quarantine.mark_released("q9", at(0))


def test_a_repaired_partition_closes_its_entries_only(store: ControlStore) -> None:
    for one in (entry("march"), entry("april", "2013-04-01"), entry("whole", None)):
        store.quarantine.add(one)
    assert store.quarantine.resolve("trips", ["2013-03-01"], at(5)) == 1
    assert [e.id for e in store.quarantine.open()] == ["april", "whole"]
    assert store.quarantine.find("march").resolved_at == at(5)
    assert store.quarantine.resolve("trips", [None], at(6)) == 1
    assert store.quarantine.resolve("other", ["2013-04-01"], at(6)) == 0
    assert [e.id for e in store.quarantine.open()] == ["april"]


def test_a_file_is_known_by_path_size_and_content(store: ControlStore) -> None:
    given = file("in/a.csv", InboxStatus.LOADED)
    store.inbox.record(given)
    assert store.inbox.by_path("in/a.csv", 3, "aa") == given
    assert store.inbox.by_path("in/a.csv", 4, "aa") is None
    assert store.inbox.by_path("in/a.csv", 3, "bb") is None


def test_only_loaded_content_counts_as_known(store: ControlStore) -> None:
    store.inbox.record(file("in/a.csv", InboxStatus.QUARANTINED))
    assert store.inbox.by_content("trips", "aa") is None
    loaded = file("in/b.csv", InboxStatus.LOADED)
    store.inbox.record(loaded)
    assert store.inbox.by_content("trips", "aa") == loaded
    assert store.inbox.by_content("other", "aa") is None


def test_a_file_handled_again_keeps_its_newest_outcome(store: ControlStore) -> None:
    store.inbox.record(file("in/a.csv", InboxStatus.QUARANTINED))
    store.inbox.record(file("in/b.csv", InboxStatus.SKIPPED))
    store.inbox.record(file("in/a.csv", InboxStatus.LOADED))
    assert [(f.path, f.status) for f in store.inbox.all()] == [
        ("in/a.csv", InboxStatus.LOADED),
        ("in/b.csv", InboxStatus.SKIPPED),
    ]


def test_an_event_is_stored_once_per_key(store: ControlStore) -> None:
    assert store.outbox.add("run_failed", "run-1", {"job": "daily"}, at(1))
    assert not store.outbox.add("run_failed", "run-1", {"job": "other"}, at(2))
    assert store.outbox.add("run_failed", "run-2", {}, at(3))
    assert [(e.dedupe_key, e.payload) for e in store.outbox.pending()] == [
        ("run-1", {"job": "daily"}),
        ("run-2", {}),
    ]


def test_a_delivered_event_is_pending_no_more_and_stays_known(
    store: ControlStore,
) -> None:
    store.outbox.add("run_failed", "run-1", {}, at(1))
    store.outbox.mark_delivered(store.outbox.pending()[0].id, at(2))
    assert store.outbox.pending() == []
    assert not store.outbox.add("run_failed", "run-1", {}, at(3))
