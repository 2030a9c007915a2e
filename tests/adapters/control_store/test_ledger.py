"""The stored ledger."""

import pytest
from sqlalchemy import exc, text

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.control_store.ledger import Note
from analytics_platform.errors import DamagedRecord
from tests.support.instants import at


def write(store: ControlStore, count: int) -> None:
    for number in range(count):
        details: dict[str, object] = {"number": number, "share": 0.1, "text": "ä\n"}
        store.ledger.append(f"s{number % 2}", Note("ada", "act", details, at(number)))


def tamper(store: ControlStore, *statements: str) -> None:
    """Change the table as somebody would who takes the guards away first."""
    guards = {
        "sqlite": ["drop trigger ledger_no_update", "drop trigger ledger_no_delete"],
        "postgresql": ["alter table ledger disable trigger all"],
    }
    with store.engine.begin() as connection:
        for statement in [*guards[store.engine.dialect.name], *statements]:
            connection.execute(text(statement))


def test_rows_come_back_as_written(store: ControlStore) -> None:
    written = store.ledger.append("snapshot", Note("ada", "publish", {"a": 1}, at(0.5)))
    assert store.ledger.entries() == [written]
    assert (written.sequence, written.previous_hash) == (1, "0" * 64)


def test_rows_of_one_subject_are_given_alone(store: ControlStore) -> None:
    write(store, 5)
    assert [entry.sequence for entry in store.ledger.entries("s1")] == [2, 4]


def test_the_chain_is_whole_after_many_rows(store: ControlStore) -> None:
    write(store, 20)
    assert store.ledger.verify() == 20


def test_an_empty_ledger_is_whole(store: ControlStore) -> None:
    assert store.ledger.verify() == 0


@pytest.mark.parametrize(
    "change",
    [
        "update ledger set actor = 'mallory' where sequence = 3",
        "delete from ledger where sequence = 3",
        "delete from ledger where sequence = 5",
        "update ledger set details = '{}' where sequence = 1",
        "update ledger_head set sequence = 4",
    ],
)
def test_a_change_to_the_past_is_found(store: ControlStore, change: str) -> None:
    write(store, 5)
    tamper(store, change)
    with pytest.raises(DamagedRecord):
        store.ledger.verify()


def test_rows_that_changed_places_are_found(store: ControlStore) -> None:
    write(store, 5)
    tamper(
        store,
        "update ledger set sequence = 99 where sequence = 2",
        "update ledger set sequence = 2 where sequence = 3",
        "update ledger set sequence = 3 where sequence = 99",
    )
    with pytest.raises(DamagedRecord):
        store.ledger.verify()


@pytest.mark.parametrize(
    "change", ["update ledger set actor = 'mallory'", "delete from ledger"]
)
def test_the_database_refuses_to_change_or_delete_rows(
    store: ControlStore, change: str
) -> None:
    write(store, 2)
    with (
        pytest.raises(exc.DatabaseError, match="append-only"),
        store.engine.begin() as connection,
    ):
        connection.execute(text(change))
    assert store.ledger.verify() == 2


def test_a_ledger_without_its_head_takes_no_row(store: ControlStore) -> None:
    with store.engine.begin() as connection:
        connection.execute(text("delete from ledger_head"))
    with pytest.raises(DamagedRecord, match="lost its head"):
        store.ledger.append("snapshot", Note("ada", "publish", {}, at(0)))


def test_details_without_a_json_form_leave_no_row(store: ControlStore) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        store.ledger.append("s", Note("ada", "act", {"x": float("inf")}, at(0)))
    assert store.ledger.verify() == 0
