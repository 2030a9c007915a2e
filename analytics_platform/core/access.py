"""Who may do what: roles and scopes, API keys, one-time tickets, origins, channels."""

import hashlib
import hmac
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from analytics_platform.errors import InvalidUsage, PlatformError

KEY_PREFIX = "ak"
TICKET_PREFIX = "tk"
_ID_BYTES = 6
_SECRET_BYTES = 32  # 256 bits: nobody guesses it, however fast the hash
_EVERY_CHANNEL = ("*",)

Random = Callable[[int], str]
"""Gives n random bytes as 2n hex digits; `secrets.token_hex` outside tests."""


class Scope(StrEnum):
    """One thing that a principal may do."""

    READ_DATA = "data:read"
    READ_STREAM = "stream:read"
    READ_EVENTS = "events:read"
    QUERY_METRICS = "metrics:query"
    PREDICT = "predictions:make"
    READ_ALERTS = "alerts:read"
    LAUNCH_RUNS = "runs:launch"
    RELEASE_MODELS = "models:release"
    MANAGE_KEYS = "keys:manage"


class Role(StrEnum):
    """A named set of scopes; each holds the one before."""

    VIEWER = "viewer"
    ANALYST = "analyst"
    OPERATOR = "operator"
    ADMIN = "admin"


_VIEWER = frozenset({Scope.READ_DATA, Scope.READ_STREAM})
_ANALYST = _VIEWER | {Scope.READ_EVENTS, Scope.QUERY_METRICS, Scope.PREDICT}
_OPERATOR = _ANALYST | {Scope.READ_ALERTS, Scope.LAUNCH_RUNS, Scope.RELEASE_MODELS}
SCOPES: dict[Role, frozenset[Scope]] = {
    Role.VIEWER: _VIEWER,
    Role.ANALYST: _ANALYST,
    Role.OPERATOR: _OPERATOR,
    Role.ADMIN: frozenset(Scope),
}


class Refusal(StrEnum):
    """Why a credential was refused; for the log, never for the caller."""

    MALFORMED = "malformed"
    UNKNOWN = "unknown"
    REVOKED = "revoked"
    EXPIRED = "expired"
    OTHER_ORIGIN = "other_origin"


class AccessDenied(PlatformError):
    """A credential that gives no access; `reason` says why."""

    def __init__(self, reason: Refusal) -> None:
        self.reason = reason
        super().__init__(
            f"The credential is refused: {reason.value}.",
            hint="Get a new one with `analytics keys create`.",
        )


@dataclass(frozen=True)
class Principal:
    """Somebody who proved who they are.

    `channels` are the patterns of channels that the key was limited to; a scope is
    needed besides. `expires_at`: None for a key without an end.
    """

    name: str
    key_id: str
    scopes: frozenset[Scope]
    channels: tuple[str, ...] = _EVERY_CHANNEL
    expires_at: datetime | None = None

    def may(self, scope: Scope) -> bool:
        """Whether the principal has this scope."""
        return scope in self.scopes

    def may_read(self, channel: str, scope: Scope) -> bool:
        """Whether a channel that asks for `scope` is open to the principal."""
        named = any(fnmatchcase(channel, pattern) for pattern in self.channels)
        return named and self.may(scope)

    def is_expired(self, now: datetime) -> bool:
        """Whether the access has ended."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True)
class ApiKey:
    """What is kept of a key: everything but its secret, of which only a digest."""

    id: str
    owner: str
    digest: str
    roles: tuple[Role, ...]
    channels: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    def state(self, now: datetime) -> str:
        """`active`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at and self.expires_at <= now else "active"

    @property
    def principal(self) -> Principal:
        """Whom the key stands for."""
        scopes = frozenset(scope for role in self.roles for scope in SCOPES[role])
        return Principal(self.owner, self.id, scopes, self.channels, self.expires_at)


@dataclass(frozen=True)
class KeyRequest:
    """What a new key is for. No `lifetime`: it ends when it is revoked."""

    owner: str
    roles: tuple[Role, ...]
    lifetime: timedelta | None = None
    channels: tuple[str, ...] = _EVERY_CHANNEL


@dataclass(frozen=True)
class Ticket:
    """A credential for one connection, used up by its first use.

    It stands for `principal` and is good only from `origin` (None: no browser).
    """

    digest: str
    principal: Principal
    origin: str | None
    expires_at: datetime


def issue_key(
    request: KeyRequest, *, now: datetime, random: Random
) -> tuple[str, ApiKey]:
    """A new key: its text, shown once, and what is kept of it.

    Raises:
        InvalidUsage: no owner, no role, no channel, or a lifetime that is not ahead.
    """
    _check(request)
    name, secret = random(_ID_BYTES), random(_SECRET_BYTES)
    key = ApiKey(
        id=name,
        owner=request.owner.strip(),
        digest=digest_of(secret),
        roles=request.roles,
        channels=request.channels,
        created_at=now,
        expires_at=now + request.lifetime if request.lifetime else None,
    )
    return f"{KEY_PREFIX}_{name}_{secret}", key


def key_id(text: str) -> str:
    """The id in a key's text.

    Raises:
        AccessDenied: it is not the text of a key.
    """
    parts = text.split("_")
    if len(parts) != 3 or parts[0] != KEY_PREFIX or not (parts[1] and parts[2]):
        raise AccessDenied(Refusal.MALFORMED)
    return parts[1]


def authenticate(text: str, known: ApiKey | None, *, now: datetime) -> Principal:
    """Whom a key's text stands for; `known` is the kept key of its id.

    Raises:
        AccessDenied: the secret is wrong, or the key revoked or expired.
    """
    key_id(text)
    given = digest_of(text.rsplit("_", 1)[1])
    if known is None or not hmac.compare_digest(given, known.digest):
        raise AccessDenied(Refusal.UNKNOWN)
    if known.revoked_at is not None:
        raise AccessDenied(Refusal.REVOKED)
    if known.principal.is_expired(now):
        raise AccessDenied(Refusal.EXPIRED)
    return known.principal


def issue_ticket(
    principal: Principal, origin: str | None, *, ends: datetime, random: Random
) -> tuple[str, Ticket]:
    """A new ticket, good until `ends`: its text and what is kept of it."""
    text = f"{TICKET_PREFIX}_{random(_SECRET_BYTES)}"
    return text, Ticket(digest_of(text), principal, origin, ends)


def redeem(ticket: Ticket | None, origin: str | None, *, now: datetime) -> Principal:
    """Whom a ticket, just taken out of its store, stands for.

    Raises:
        AccessDenied: it is unknown (or used), too old, or from another origin.
    """
    if ticket is None:
        raise AccessDenied(Refusal.UNKNOWN)
    if ticket.expires_at <= now or ticket.principal.is_expired(now):
        raise AccessDenied(Refusal.EXPIRED)
    if ticket.origin != origin:
        raise AccessDenied(Refusal.OTHER_ORIGIN)
    return ticket.principal


def digest_of(secret: str) -> str:
    """The SHA-256 of a secret, in hex.

    A slow password hash would protect guessable secrets. These have 256 random bits:
    what a fast hash keeps cannot be searched for, and checking one costs microseconds.
    """
    return hashlib.sha256(secret.encode()).hexdigest()


def is_origin_allowed(
    origin: str | None, host: str | None, allowed: Collection[str]
) -> bool:
    """Whether a connection may come from a page of `origin`.

    A page that this server itself served (same `host`) may, and those in `allowed`.
    Programs send no origin: pages cannot hide theirs, so None is no page.
    """
    if origin is None or origin in allowed:
        return True
    parts = urlsplit(origin)
    return parts.scheme in ("http", "https") and bool(host) and parts.netloc == host


def parse_roles(names: Iterable[str]) -> tuple[Role, ...]:
    """The roles of these names.

    Raises:
        InvalidUsage: a name is no role.
    """
    known = {role.value: role for role in Role}
    unknown = sorted(name for name in names if name not in known)
    if unknown:
        raise InvalidUsage(
            f"There is no role {', '.join(unknown)}.",
            hint=f"Roles are {', '.join(known)}.",
        )
    return tuple(known[name] for name in names)


def _check(request: KeyRequest) -> None:
    if not request.owner.strip():
        raise InvalidUsage("The key has no owner.", hint="Name who will use it.")
    if not request.roles or not request.channels:
        raise InvalidUsage(
            "The key would open nothing.", hint="Give it a role and a channel pattern."
        )
    if request.lifetime is not None and request.lifetime <= timedelta(0):
        raise InvalidUsage("The key would have expired.", hint="Give it more time.")
