"""Rules of publishing: how good a snapshot is, and which versions may go."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from analytics_platform.contracts.records import Release, Verdict


@dataclass(frozen=True)
class StoredVersion:
    """A stored version; `idle_since` is when it was last replaced, None if current.

    A version that was stored but never released is idle since it was made.
    """

    name: str
    was_released: bool
    idle_since: datetime | None


def status(verdicts: Iterable[Verdict]) -> Literal["green", "warning"]:
    """Green if every check passed, or failed only as its declaration documents.

    A warning that there was nothing to judge says nothing of the data.
    """
    bad = any(
        not one.passed and not one.known_defect and (one.is_red or one.total_rows)
        for one in verdicts
    )
    return "warning" if bad else "green"


def describe_stored(
    history: Sequence[Release], made_at: Mapping[str, datetime]
) -> list[StoredVersion]:
    """The stored versions, oldest first, of all releases and when each was made."""
    current = history[-1].version if history else None
    replaced = {one.previous: one.released_at for one in history if one.previous}
    released = {one.version for one in history}
    return [
        StoredVersion(
            name,
            was_released=name in released,
            idle_since=None if name == current else replaced.get(name, made_at[name]),
        )
        for name in sorted(made_at, key=lambda name: (made_at[name], name))
    ]


def expired(
    stored: Sequence[StoredVersion], *, keep: int, grace: timedelta, now: datetime
) -> list[str]:
    """The versions that may be deleted, of those stored (oldest first).

    Kept are the current one, the newest `keep` that were ever released, and any that
    readers may still hold: idle for less than `grace`.
    """
    newest = {one.name for one in [v for v in stored if v.was_released][-keep:]}
    return [
        one.name
        for one in stored
        if one.name not in newest
        and one.idle_since is not None
        and one.idle_since + grace <= now
    ]
