"""Keys are kept, found, used and revoked, on both databases."""

import secrets
from datetime import timedelta

import pytest

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.core.access import (
    ApiKey,
    KeyRequest,
    Role,
    authenticate,
    issue_key,
)
from analytics_platform.errors import NotFound
from tests.support.instants import at


def make(store: ControlStore) -> tuple[str, ApiKey]:
    wanted = KeyRequest("ada", (Role.VIEWER, Role.OPERATOR), channels=("a.*", "b"))
    text, key = issue_key(wanted, now=at(0), random=secrets.token_hex)
    store.keys.add(key)
    return text, key


def test_a_key_comes_back_as_it_was_kept(store: ControlStore) -> None:
    text, key = make(store)
    assert store.keys.find(key.id) == key
    assert authenticate(text, store.keys.find(key.id), now=at(0)).name == "ada"
    assert store.keys.all() == [key]


def test_an_unknown_key_is_none(store: ControlStore) -> None:
    assert store.keys.find("0") is None


def test_the_last_use_is_kept_to_the_minute(store: ControlStore) -> None:
    _, key = make(store)
    store.keys.mark_used(key, at(1))
    used = store.keys.find(key.id)
    assert used is not None
    assert used.last_used_at == at(1)
    store.keys.mark_used(used, at(1) + timedelta(seconds=59))
    assert store.keys.find(key.id) == used
    store.keys.mark_used(used, at(1) + timedelta(seconds=60))
    assert store.keys.find(key.id) != used


def test_a_key_is_revoked_once(store: ControlStore) -> None:
    _, key = make(store)
    assert store.keys.revoke(key.id, at(1)).revoked_at == at(1)
    assert store.keys.revoke(key.id, at(2)).revoked_at == at(1)
    with pytest.raises(NotFound, match="no key '0'"):
        store.keys.revoke("0", at(1))


def test_revoked_expired_and_unknown_keys_are_unusable(store: ControlStore) -> None:
    good, gone = make(store)[1].id, make(store)[1].id
    _, short = issue_key(
        KeyRequest("bob", (Role.VIEWER,), timedelta(hours=1)),
        now=at(0),
        random=secrets.token_hex,
    )
    store.keys.add(short)
    store.keys.revoke(gone, at(1))
    ids = {good, gone, short.id, "0"}
    assert store.keys.unusable(ids, at(0) + timedelta(hours=1)) == ids - {good}
    assert store.keys.unusable(set(), at(0)) == set()
