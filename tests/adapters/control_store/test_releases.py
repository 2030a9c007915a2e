"""Releases: what is current, moved by compare-and-swap."""

import pytest
from sqlalchemy import text

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.control_store.ledger import Note
from analytics_platform.errors import Conflict
from tests.support.instants import at


def note(seconds: float = 0) -> Note:
    return Note("ada", "promote", {"why": "better"}, at(seconds))


def test_nothing_is_current_before_the_first_release(store: ControlStore) -> None:
    assert store.releases.current("snapshot") is None
    assert store.releases.history("snapshot") == []


def test_a_move_makes_a_version_current_and_names_the_one_before(
    store: ControlStore,
) -> None:
    store.releases.move("snapshot", "v1", expected=None, note=note(1))
    moved = store.releases.move("snapshot", "v2", expected="v1", note=note(2))
    assert (moved.version, moved.previous, moved.generation) == ("v2", "v1", 2)
    assert store.releases.current("snapshot") == moved
    assert [r.version for r in store.releases.history("snapshot")] == ["v1", "v2"]


@pytest.mark.parametrize("expected", [None, "v0"])
def test_a_move_from_another_version_is_refused_and_changes_nothing(
    store: ControlStore, expected: str | None
) -> None:
    store.releases.move("snapshot", "v1", expected=None, note=note())
    with pytest.raises(Conflict, match="is v1, not"):
        store.releases.move("snapshot", "v2", expected=expected, note=note())
    current = store.releases.current("snapshot")
    assert current is not None
    assert current.version == "v1"
    assert store.ledger.verify() == 1


def test_a_first_move_that_expects_a_version_is_refused(store: ControlStore) -> None:
    with pytest.raises(Conflict):
        store.releases.move("snapshot", "v2", expected="v1", note=note())
    assert store.releases.subjects() == []


def test_subjects_move_independently(store: ControlStore) -> None:
    store.releases.move("snapshot", "v1", expected=None, note=note())
    store.releases.move("model/delay", "7", expected=None, note=note())
    assert store.releases.subjects() == ["model/delay", "snapshot"]
    current = store.releases.current("model/delay")
    assert current is not None
    assert current.generation == 1


def test_each_move_has_its_row_in_the_ledger(store: ControlStore) -> None:
    store.releases.move("snapshot", "v1", expected=None, note=note(1))
    store.releases.move("snapshot", "v2", expected="v1", note=note(2))
    entry = store.ledger.entries("snapshot")[-1]
    assert (entry.actor, entry.action, entry.at) == ("ada", "promote", at(2))
    assert entry.details == {
        "why": "better",
        "version": "v2",
        "previous": "v1",
        "generation": 2,
    }
    assert store.ledger.verify() == 2


def test_a_move_whose_ledger_row_fails_does_not_happen(store: ControlStore) -> None:
    bad = Note("ada", "promote", {"x": float("nan")}, at(0))
    with pytest.raises(ValueError, match="not JSON compliant"):
        store.releases.move("snapshot", "v1", expected=None, note=bad)
    assert store.releases.current("snapshot") is None
    assert store.releases.history("snapshot") == []


def test_what_is_current_equals_the_end_of_history(store: ControlStore) -> None:
    before = None
    for version in ("v1", "v2", "v1", "v3"):
        store.releases.move("snapshot", version, expected=before, note=note())
        before = version
    assert store.releases.history("snapshot")[-1] == store.releases.current("snapshot")
    with store.engine.connect() as connection:
        assert connection.execute(text("select count(*) from releases")).scalar() == 1
