"""The ledger's hash chain."""

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.contracts.records import LedgerEntry
from analytics_platform.core.ledger import GENESIS, hash_of, plain, seal, verify_chain
from analytics_platform.errors import DamagedRecord

WORDS = st.text(max_size=8)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3)
    ),
    max_leaves=6,
)
NOTES = st.lists(
    st.tuples(WORDS, WORDS, WORDS, st.dictionaries(WORDS, JSON, max_size=3)),
    min_size=1,
    max_size=6,
)


def chain(notes: list[tuple[str, str, str, dict[str, object]]]) -> list[LedgerEntry]:
    entries: list[LedgerEntry] = []
    for number, (actor, action, subject, details) in enumerate(notes, start=1):
        entries.append(
            seal(
                LedgerEntry(
                    sequence=number,
                    at=datetime(2026, 1, number, tzinfo=UTC),
                    actor=actor,
                    action=action,
                    subject=subject,
                    details=plain(details),
                    previous_hash=entries[-1].hash if entries else GENESIS,
                    hash="",
                )
            )
        )
    return entries


def verify(entries: list[LedgerEntry], head: LedgerEntry) -> None:
    verify_chain(entries, head_sequence=head.sequence, head_hash=head.hash)


@given(NOTES)
def test_a_chain_as_written_is_accepted(
    notes: list[tuple[str, str, str, dict[str, object]]],
) -> None:
    entries = chain(notes)
    verify(entries, entries[-1])


def test_an_empty_chain_is_accepted() -> None:
    verify_chain([], head_sequence=0, head_hash=GENESIS)


@given(NOTES, st.data())
def test_a_change_to_any_field_is_found(
    notes: list[tuple[str, str, str, dict[str, object]]], data: st.DataObject
) -> None:
    entries = chain(notes)
    index = data.draw(st.integers(0, len(entries) - 1))
    changes: list[dict[str, object]] = [
        {"actor": entries[index].actor + "x"},
        {"action": entries[index].action + "x"},
        {"subject": entries[index].subject + "x"},
        {"details": {**entries[index].details, "a key never drawn": 1}},
        {"at": entries[index].at + timedelta(microseconds=1)},
        {"sequence": entries[index].sequence + 1},
        {"previous_hash": "f" * 64},
        {"hash": "f" * 64},
    ]
    change = data.draw(st.sampled_from(changes))
    head = entries[-1]
    entries[index] = entries[index].model_copy(update=change)
    with pytest.raises(DamagedRecord):
        verify(entries, head)


@given(NOTES, st.data())
def test_a_removed_row_is_found_the_newest_too(
    notes: list[tuple[str, str, str, dict[str, object]]], data: st.DataObject
) -> None:
    entries = chain(notes)
    head = entries[-1]
    del entries[data.draw(st.integers(0, len(entries) - 1))]
    with pytest.raises(DamagedRecord):
        verify(entries, head)


@given(NOTES.filter(lambda notes: len(notes) > 1), st.data())
def test_rows_that_changed_places_are_found(
    notes: list[tuple[str, str, str, dict[str, object]]], data: st.DataObject
) -> None:
    entries = chain(notes)
    head = entries[-1]
    one, other = data.draw(
        st.lists(st.integers(0, len(entries) - 1), min_size=2, max_size=2, unique=True)
    )
    entries[one], entries[other] = entries[other], entries[one]
    with pytest.raises(DamagedRecord):
        verify(entries, head)


def test_a_changed_row_whose_hash_was_made_anew_breaks_the_next_row() -> None:
    entries = chain([("a", "b", "c", {}), ("d", "e", "f", {})])
    entries[0] = seal(entries[0].model_copy(update={"actor": "mallory"}))
    with pytest.raises(DamagedRecord, match="row 2: it does not follow"):
        verify(entries, entries[-1])


def test_a_row_added_behind_the_head_is_found() -> None:
    entries = chain([("a", "b", "c", {}), ("d", "e", "f", {})])
    with pytest.raises(DamagedRecord, match="the head names row 1"):
        verify(entries, entries[0])


@given(st.dictionaries(WORDS, JSON, max_size=4))
def test_details_survive_storage_as_json(details: dict[str, object]) -> None:
    kept = plain(details)
    assert json.loads(json.dumps(kept)) == kept
    assert plain(kept) == kept


def test_details_that_have_no_json_form_are_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        plain({"share": float("nan")})


def test_the_hash_does_not_depend_on_the_time_zone_an_instant_is_written_in() -> None:
    entry = chain([("a", "b", "c", {})])[0]
    berlin = entry.at.astimezone(timezone(timedelta(hours=1)))
    assert hash_of(entry.model_copy(update={"at": berlin})) == entry.hash


def test_the_hash_is_the_one_worked_out_by_hand() -> None:
    entry = chain([("ada", "publish", "snapshot", {"b": 1, "a": [1.5, None]})])[0]
    text = (
        '{"action":"publish","actor":"ada","at":"2026-01-01T00:00:00.000000+00:00",'
        '"details":{"a":[1.5,null],"b":1},"previous_hash":"' + "0" * 64 + '",'
        '"sequence":1,"subject":"snapshot"}'
    )
    assert entry.hash == hashlib.sha256(text.encode()).hexdigest()
