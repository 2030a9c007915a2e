"""Keys, tickets, roles, origins and channels."""

import dataclasses
import itertools
import secrets
from datetime import timedelta

import pytest

from analytics_platform.core.access import (
    SCOPES,
    AccessDenied,
    ApiKey,
    KeyRequest,
    Principal,
    Refusal,
    Role,
    Scope,
    Ticket,
    authenticate,
    digest_of,
    is_origin_allowed,
    issue_key,
    issue_ticket,
    key_id,
    parse_roles,
    redeem,
)
from analytics_platform.errors import InvalidUsage
from tests.support.instants import at

HOUR = timedelta(hours=1)


def make(**request: object) -> tuple[str, ApiKey]:
    wanted = KeyRequest("ada", (Role.VIEWER,))
    wanted = dataclasses.replace(wanted, **request)  # type: ignore[arg-type]
    return issue_key(wanted, now=at(0), random=secrets.token_hex)


def refusal(text: str, key: ApiKey | None, after: timedelta) -> Refusal:
    with pytest.raises(AccessDenied) as caught:
        authenticate(text, key, now=at(0) + after)
    return caught.value.reason


def test_a_key_names_its_id_and_stands_for_its_owner() -> None:
    text, key = make()
    assert text.startswith(f"ak_{key.id}_")
    assert key_id(text) == key.id
    principal = authenticate(text, key, now=at(0))
    assert (principal.name, principal.key_id) == ("ada", key.id)
    assert principal.scopes == SCOPES[Role.VIEWER]


def test_what_is_kept_of_a_key_does_not_hold_its_secret() -> None:
    text, key = make()
    secret = text.split("_")[2]
    assert len(secret) == 64
    assert secret not in repr(key)
    assert key.digest == digest_of(secret)


def test_no_two_keys_are_alike() -> None:
    assert len({make()[0] for _ in range(100)}) == 100


def test_a_wrong_secret_and_an_unknown_key_are_told_apart_from_nothing() -> None:
    text, key = make()
    wrong = text[:-1] + ("0" if text[-1] != "0" else "1")
    assert refusal(wrong, key, HOUR) is refusal(text, None, HOUR) is Refusal.UNKNOWN


@pytest.mark.parametrize(
    "text", ["", "ak", "ak_x", "ak__x", "ak_x_", "tk_a_b", "ak_a_b_c"]
)
def test_what_is_no_key_is_malformed(text: str) -> None:
    with pytest.raises(AccessDenied) as caught:
        key_id(text)
    assert caught.value.reason is Refusal.MALFORMED


def test_a_key_ends_when_it_expires_to_the_instant() -> None:
    text, key = make(lifetime=HOUR)
    assert authenticate(text, key, now=at(0) + HOUR - timedelta(microseconds=1))
    assert refusal(text, key, HOUR) is Refusal.EXPIRED
    assert (key.state(at(0)), key.state(at(0) + HOUR)) == ("active", "expired")


def test_a_revoked_key_opens_nothing() -> None:
    text, key = make()
    gone = dataclasses.replace(key, revoked_at=at(0))
    assert refusal(text, gone, HOUR) is Refusal.REVOKED
    assert gone.state(at(0)) == "revoked"


@pytest.mark.parametrize(
    "request_",
    [
        {"owner": " "},
        {"roles": ()},
        {"channels": ()},
        {"lifetime": timedelta(0)},
        {"lifetime": timedelta(days=-1)},
    ],
)
def test_a_key_that_would_open_nothing_is_not_made(
    request_: dict[str, object],
) -> None:
    with pytest.raises(InvalidUsage):
        make(**request_)


def test_each_role_may_all_that_the_one_before_may() -> None:
    for less, more in itertools.pairwise(Role):
        assert SCOPES[less] < SCOPES[more]
    assert SCOPES[Role.ADMIN] == set(Scope)


def test_a_channel_needs_its_scope_and_its_pattern() -> None:
    _, key = make(roles=(Role.ANALYST,), channels=("windows.*", "events.orders"))
    principal = key.principal
    assert principal.may_read("windows.orders", Scope.READ_STREAM)
    assert principal.may_read("events.orders", Scope.READ_EVENTS)
    assert not principal.may_read("events.other", Scope.READ_EVENTS)
    assert not principal.may_read("windows.orders", Scope.READ_ALERTS)


def test_roles_have_names() -> None:
    assert parse_roles(["viewer", "admin"]) == (Role.VIEWER, Role.ADMIN)
    with pytest.raises(InvalidUsage, match="no role king"):
        parse_roles(["viewer", "king"])


def ticket(origin: str | None = None, **principal: object) -> tuple[str, Ticket]:
    who = Principal("ada", "k", frozenset(), **principal)  # type: ignore[arg-type]
    return issue_ticket(who, origin, ends=at(0) + HOUR, random=secrets.token_hex)


def test_a_ticket_stands_for_its_principal() -> None:
    text, made = ticket()
    assert made.digest == digest_of(text)
    assert text not in repr(made)
    assert redeem(made, None, now=at(0)).name == "ada"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("https://a.example", "https://b.example"),
        ("https://a.example", None),
        (None, "https://a.example"),
    ],
)
def test_a_ticket_is_good_from_its_own_origin(
    given: str | None, shown: str | None
) -> None:
    with pytest.raises(AccessDenied) as caught:
        redeem(ticket(given)[1], shown, now=at(0))
    assert caught.value.reason is Refusal.OTHER_ORIGIN


def test_a_ticket_ends_with_its_time_or_with_its_key() -> None:
    for made, now in (
        (ticket()[1], at(0) + HOUR),
        (ticket(expires_at=at(0))[1], at(0)),
    ):
        with pytest.raises(AccessDenied) as caught:
            redeem(made, None, now=now)
        assert caught.value.reason is Refusal.EXPIRED


def test_a_ticket_that_is_not_there_is_unknown() -> None:
    with pytest.raises(AccessDenied) as caught:
        redeem(None, None, now=at(0))
    assert caught.value.reason is Refusal.UNKNOWN


@pytest.mark.parametrize(
    ("origin", "host", "is_allowed"),
    [
        (None, "127.0.0.1:8010", True),
        ("http://127.0.0.1:8010", "127.0.0.1:8010", True),
        ("http://127.0.0.1:8011", "127.0.0.1:8010", False),
        ("http://localhost:8010", "127.0.0.1:8010", False),
        ("https://board.example", "127.0.0.1:8010", True),
        ("https://board.example.evil", "127.0.0.1:8010", False),
        ("null", "127.0.0.1:8010", False),
        ("file://", "", False),
        ("ftp://127.0.0.1:8010", "127.0.0.1:8010", False),
        ("http://", None, False),
    ],
)
def test_origins(
    origin: str | None,
    host: str | None,
    is_allowed: bool,  # noqa: FBT001
) -> None:
    allowed = {"https://board.example"}
    assert is_origin_allowed(origin, host, allowed) is is_allowed
