"""Channels: what is pushed under one name, who may read it, what a slow reader gets."""

import re
from dataclasses import dataclass
from enum import StrEnum

from analytics_platform.core.access import Principal, Scope
from analytics_platform.errors import InvalidUsage

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")


class Policy(StrEnum):
    """What a reader gets who has fallen behind what the channel keeps."""

    CONFLATE = "conflate"  # the newest message of each key
    GAP = "gap"  # a marker with the range that was missed, then what is still kept
    DISCONNECT = "disconnect"  # nothing more: the connection is closed


class Kind(StrEnum):
    """What the messages of a channel are."""

    WINDOW = "window"
    PREDICTION = "prediction"
    EVENT = "event"
    ALERT = "alert"
    STATUS = "status"


_USUAL: dict[Kind, tuple[Policy, Scope]] = {
    Kind.WINDOW: (Policy.CONFLATE, Scope.READ_STREAM),
    Kind.PREDICTION: (Policy.GAP, Scope.READ_STREAM),
    Kind.EVENT: (Policy.GAP, Scope.READ_EVENTS),
    Kind.ALERT: (Policy.DISCONNECT, Scope.READ_ALERTS),
    Kind.STATUS: (Policy.CONFLATE, Scope.READ_STREAM),
}


@dataclass(frozen=True)
class Channel:
    """One channel's declaration.

    It keeps the newest `capacity` messages and at most `max_bytes` of them, for
    readers that come back or fall behind; a conflated one also the newest message of
    each of `max_keys` keys.
    """

    name: str
    title: str
    kind: Kind
    policy: Policy
    scope: Scope
    capacity: int = 16_384
    max_bytes: int = 16_000_000
    max_keys: int = 20_000

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InvalidUsage(
                f"A channel cannot be named {self.name!r}.",
                hint="Use lower-case letters, digits, '.', '_' and '-'.",
            )
        if min(self.capacity, self.max_bytes, self.max_keys) < 1:
            raise InvalidUsage(
                f"The channel {self.name} would keep nothing.",
                hint="Give capacity, max_bytes and max_keys at least 1.",
            )

    def is_open_to(self, principal: Principal) -> bool:
        """Whether the principal may read it."""
        return principal.may_read(self.name, self.scope)


def channel(name: str, title: str, kind: Kind) -> Channel:
    """A channel with its kind's usual policy, scope and bounds."""
    policy, scope = _USUAL[kind]
    return Channel(name, title, kind, policy, scope)
