"""Stored verdicts: the newest counts."""

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.contracts.domain import Severity
from analytics_platform.contracts.records import Verdict
from tests.support.instants import at


def verdict(
    asset: str = "raw/a",
    partition: str | None = "2013-01-01",
    check: str = "not_null",
    *,
    passed: bool = True,
    run: int = 1,
) -> Verdict:
    return Verdict(
        asset=asset,
        partition=partition,
        check=check,
        passed=passed,
        severity=Severity.ERROR,
        blocking=True,
        failing_rows=0 if passed else 3,
        total_rows=10_000_000_000,
        detail="three nulls",
        samples=({"id": 1, "share": 0.5, "name": None},),
        run_id=f"run{run}",
        evaluated_at=at(run),
    )


def test_verdicts_come_back_as_recorded(store: ControlStore) -> None:
    given = [verdict(), verdict(partition=None, check="rows")]
    store.verdicts.record(given)
    assert sorted(store.verdicts.latest(), key=lambda v: v.check) == given


def test_the_newest_per_asset_partition_and_check_counts(store: ControlStore) -> None:
    store.verdicts.record([verdict(run=1), verdict(partition="2013-02-01", run=1)])
    store.verdicts.record([verdict(run=2, passed=False)])
    runs = {v.partition: (v.run_id, v.passed) for v in store.verdicts.latest()}
    assert runs == {"2013-01-01": ("run2", False), "2013-02-01": ("run1", True)}


def test_recorded_last_is_newest_whatever_the_clock_says(store: ControlStore) -> None:
    store.verdicts.record([verdict(run=5)])
    store.verdicts.record([verdict(run=1)])
    assert [v.run_id for v in store.verdicts.latest()] == ["run1"]


def test_of_equal_keys_in_one_call_the_last_counts(store: ControlStore) -> None:
    store.verdicts.record([verdict(run=1), verdict(run=2)])
    assert [v.run_id for v in store.verdicts.latest()] == ["run2"]


def test_verdicts_of_some_assets_are_given_alone(store: ControlStore) -> None:
    store.verdicts.record([verdict("raw/a"), verdict("raw/b"), verdict("raw/c")])
    found = store.verdicts.latest(["raw/a", "raw/c", "raw/none"])
    assert [v.asset for v in found] == ["raw/a", "raw/c"]
    assert store.verdicts.latest([]) == []


def test_the_verdict_before_the_newest_is_kept(store: ControlStore) -> None:
    store.verdicts.record([verdict(run=1), verdict(check="rows", run=1)])
    store.verdicts.record([verdict(run=2)])
    store.verdicts.record([verdict(run=3)])
    assert [(v.check, v.run_id) for v in store.verdicts.previous()] == [
        ("not_null", "run2")
    ]
    assert store.verdicts.previous(["raw/b"]) == []


def test_nothing_is_recorded_of_no_verdicts(store: ControlStore) -> None:
    store.verdicts.record([])
    assert store.verdicts.latest() == []


def test_a_forgotten_asset_has_no_verdicts(store: ControlStore) -> None:
    store.verdicts.record([verdict("raw/a"), verdict("raw/b")])
    store.verdicts.forget("raw/a")
    assert [v.asset for v in store.verdicts.latest()] == ["raw/b"]
    assert store.verdicts.previous() == []


def test_a_red_partition_and_an_unpartitioned_asset_are_two_keys(
    store: ControlStore,
) -> None:
    store.verdicts.record([verdict(partition=None), verdict()])
    assert {v.partition for v in store.verdicts.latest()} == {None, "2013-01-01"}
