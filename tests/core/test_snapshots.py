"""How good a snapshot is, and which versions may be deleted."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.contracts.domain import Severity
from analytics_platform.contracts.records import Release, Verdict
from analytics_platform.core.snapshots import (
    StoredVersion,
    describe_stored,
    expired,
    status,
)
from tests.support.instants import at

GRACE = timedelta(seconds=10)


def verdict(
    *,
    passed: bool = False,
    severity: Severity = Severity.ERROR,
    blocking: bool = True,
    known_defect: bool = False,
    partition: str | None = None,
) -> Verdict:
    return Verdict(
        asset="raw/a",
        partition=partition,
        check="rows",
        passed=passed,
        severity=severity,
        blocking=blocking,
        failing_rows=1,
        total_rows=2,
        known_defect=known_defect,
        run_id="run",
        evaluated_at=at(0),
    )


def release(version: str, previous: str | None, seconds: float) -> Release:
    return Release(
        subject="snapshot",
        version=version,
        previous=previous,
        generation=1,
        released_at=at(seconds),
    )


def stored(
    name: str, idle: float | None, *, was_released: bool = True
) -> StoredVersion:
    since = None if idle is None else at(idle)
    return StoredVersion(name, was_released=was_released, idle_since=since)


def test_the_status_is_green_when_failures_are_documented() -> None:
    assert status([]) == "green"
    assert status([verdict(passed=True), verdict(known_defect=True)]) == "green"


def test_a_warning_that_there_was_nothing_to_judge_leaves_it_green() -> None:
    silent = verdict(severity=Severity.WARN)
    assert status([silent.model_copy(update={"total_rows": 0})]) == "green"
    red = verdict(severity=Severity.ERROR)
    assert status([red.model_copy(update={"total_rows": 0})]) == "warning"


@pytest.mark.parametrize(
    "bad", [verdict(severity=Severity.WARN), verdict(blocking=False)]
)
def test_the_status_is_a_warning_when_a_check_failed(bad: Verdict) -> None:
    assert status([verdict(passed=True), bad]) == "warning"


def test_a_version_is_idle_since_it_was_replaced_last() -> None:
    history = [
        release("v1", None, 1),
        release("v2", "v1", 2),
        release("v1", "v2", 3),
        release("v3", "v1", 4),
    ]
    made = {name: at(0) for name in ("v3", "v2", "v1", "orphan")}
    assert describe_stored(history, made) == [
        stored("orphan", 0, was_released=False),
        stored("v1", 4),
        stored("v2", 3),
        stored("v3", None),
    ]


def test_without_a_release_every_version_is_idle_since_it_was_made() -> None:
    assert describe_stored([], {"v1": at(5)}) == [stored("v1", 5, was_released=False)]


def test_beyond_those_kept_a_version_goes_when_its_grace_is_over() -> None:
    versions = [stored("v1", 0), stored("v2", 1), stored("v3", None)]
    assert expired(versions, keep=1, grace=GRACE, now=at(10.5)) == ["v1"]
    assert expired(versions, keep=1, grace=GRACE, now=at(11)) == ["v1", "v2"]
    assert expired(versions, keep=2, grace=GRACE, now=at(99)) == ["v1"]


def test_a_version_never_released_takes_no_place_among_those_kept() -> None:
    versions = [
        stored("v1", 0),
        stored("v2", 0, was_released=False),
        stored("v3", None),
    ]
    assert expired(versions, keep=2, grace=GRACE, now=at(99)) == ["v2"]


def test_the_current_version_stays_though_it_is_the_oldest() -> None:
    versions = [stored("v1", None), stored("v2", 1), stored("v3", 2)]
    assert expired(versions, keep=1, grace=GRACE, now=at(99)) == ["v2"]


SECONDS = st.integers(0, 100)
VERSIONS = st.lists(st.tuples(st.booleans(), SECONDS), min_size=0, max_size=12).flatmap(
    lambda drawn: st.tuples(
        st.just(drawn), st.none() | st.integers(0, max(0, len(drawn) - 1))
    )
)


def build(drawn: list[tuple[bool, int]], current: int | None) -> list[StoredVersion]:
    return [
        stored(
            f"v{index:02d}",
            None if index == current else idle,
            was_released=was_released or index == current,
        )
        for index, (was_released, idle) in enumerate(drawn)
    ]


@given(VERSIONS, st.integers(1, 5), st.integers(0, 50), SECONDS)
def test_what_goes_is_what_no_rule_keeps(
    drawn: tuple[list[tuple[bool, int]], int | None], keep: int, grace: int, now: int
) -> None:
    versions = build(*drawn)
    gone = expired(versions, keep=keep, grace=timedelta(seconds=grace), now=at(now))
    released = [v.name for v in versions if v.was_released]
    for position, version in enumerate(versions):
        newer_released = sum(name > version.name for name in released)
        is_kept = (
            version.idle_since is None
            or (version.was_released and newer_released < keep)
            or seconds_since(version.idle_since, now) < grace
        )
        assert (version.name in gone) is not is_kept, position


@given(VERSIONS, st.integers(1, 5), SECONDS, SECONDS)
def test_time_only_lets_more_go(
    drawn: tuple[list[tuple[bool, int]], int | None], keep: int, one: int, other: int
) -> None:
    versions = build(*drawn)
    early, late = sorted((one, other))
    first = expired(versions, keep=keep, grace=GRACE, now=at(early))
    assert set(first) <= set(expired(versions, keep=keep, grace=GRACE, now=at(late)))


def seconds_since(instant: datetime, now: int) -> float:
    return (at(now) - instant).total_seconds()
