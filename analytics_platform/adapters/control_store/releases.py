"""What is current: one version per subject, moved by compare-and-swap."""

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, insert, select, update

from analytics_platform.adapters.control_store.engine import reading, writing
from analytics_platform.adapters.control_store.ledger import (
    LEDGER_LOCK,
    Note,
    append_within,
)
from analytics_platform.adapters.control_store.tables import RELEASE_HISTORY, RELEASES
from analytics_platform.contracts.records import Release
from analytics_platform.errors import Conflict


@dataclass(frozen=True)
class Releases:
    """The current version of every subject, and all that came before."""

    engine: Engine

    def current(self, subject: str) -> Release | None:
        """The current release of `subject`, or None before its first."""
        with reading(self.engine) as connection:
            return _current(connection, subject)

    def subjects(self) -> list[str]:
        """Every subject that has a release, sorted."""
        with reading(self.engine) as connection:
            query = select(RELEASES.c.subject).order_by(RELEASES.c.subject)
            return list(connection.scalars(query))

    def history(self, subject: str) -> list[Release]:
        """Every release of `subject`, oldest first; the last one is current."""
        query = (
            select(RELEASE_HISTORY)
            .where(RELEASE_HISTORY.c.subject == subject)
            .order_by(RELEASE_HISTORY.c.generation)
        )
        with reading(self.engine) as connection:
            rows = connection.execute(query).mappings()
            return [Release.model_validate(dict(row)) for row in rows]

    def move(
        self, subject: str, to: str, *, expected: str | None, note: Note
    ) -> Release:
        """Make version `to` current if `expected` still is; the ledger says so too.

        Raises:
            Conflict: another version is current; nothing was changed.
        """
        # The ledger's lock is also that of all moves, so both commit or neither.
        with writing(self.engine, LEDGER_LOCK) as connection:
            before = _current(connection, subject)
            found = before.version if before else None
            if found != expected:
                raise _moved(subject, expected, found)
            release = Release(
                subject=subject,
                version=to,
                previous=found,
                generation=before.generation + 1 if before else 1,
                released_at=note.at,
            )
            _store(connection, release, is_first=before is None)
            append_within(connection, subject, _with_versions(note, release))
            return release


def _current(connection: Connection, subject: str) -> Release | None:
    query = select(RELEASES).where(RELEASES.c.subject == subject)
    row = connection.execute(query).mappings().one_or_none()
    return Release.model_validate(dict(row)) if row else None


def _store(connection: Connection, release: Release, *, is_first: bool) -> None:
    fields = release.model_dump()
    if is_first:
        connection.execute(insert(RELEASES).values(**fields))
    else:
        mine = RELEASES.c.subject == release.subject
        connection.execute(update(RELEASES).where(mine).values(**fields))
    connection.execute(insert(RELEASE_HISTORY).values(**fields))


def _with_versions(note: Note, release: Release) -> Note:
    details = {
        **note.details,
        "version": release.version,
        "previous": release.previous,
        "generation": release.generation,
    }
    return Note(note.actor, note.action, details, note.at)


def _moved(subject: str, expected: str | None, found: str | None) -> Conflict:
    return Conflict(
        f"The current version of {subject!r} is {found}, not {expected} as expected.",
        hint="Somebody moved it meanwhile: look at the new one, then try again.",
    )
