"""The append-only ledger: who did what to which subject, and when."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, insert, select, update

from analytics_platform.adapters.control_store.engine import reading, writing
from analytics_platform.adapters.control_store.tables import LEDGER, LEDGER_HEAD
from analytics_platform.contracts.records import LedgerEntry
from analytics_platform.core.ledger import plain, seal, verify_chain
from analytics_platform.errors import DamagedRecord

LEDGER_LOCK = "ledger"


@dataclass(frozen=True)
class Note:
    """What the ledger keeps of an act; `details` must have a JSON form."""

    actor: str
    action: str
    details: dict[str, object]
    at: datetime


@dataclass(frozen=True)
class Ledger:
    """Rows that are only ever added, each sealed with the hash of the one before."""

    engine: Engine

    def append(self, subject: str, note: Note) -> LedgerEntry:
        """Add a row."""
        with writing(self.engine, LEDGER_LOCK) as connection:
            return append_within(connection, subject, note)

    def entries(self, subject: str | None = None) -> list[LedgerEntry]:
        """All rows, oldest first, or those of one subject."""
        query = select(LEDGER).order_by(LEDGER.c.sequence)
        if subject is not None:
            query = query.where(LEDGER.c.subject == subject)
        with reading(self.engine) as connection:
            return _read(connection, query)

    def verify(self) -> int:
        """Check the whole chain; gives the number of rows.

        Raises:
            DamagedRecord: a row was changed, removed, added or moved.
        """
        with reading(self.engine) as connection:
            entries = _read(connection, select(LEDGER).order_by(LEDGER.c.sequence))
            sequence, last_hash = _head(connection)
        verify_chain(entries, head_sequence=sequence, head_hash=last_hash)
        return len(entries)


def append_within(connection: Connection, subject: str, note: Note) -> LedgerEntry:
    """Add a row in the caller's transaction, which holds the ledger's lock."""
    sequence, last_hash = _head(connection)
    entry = seal(
        LedgerEntry(
            sequence=sequence + 1,
            at=note.at,
            actor=note.actor,
            action=note.action,
            subject=subject,
            details=plain(note.details),
            previous_hash=last_hash,
            hash="",
        )
    )
    connection.execute(insert(LEDGER).values(**entry.model_dump()))
    connection.execute(
        update(LEDGER_HEAD).values(sequence=entry.sequence, hash=entry.hash)
    )
    return entry


def _head(connection: Connection) -> tuple[int, str]:
    row = connection.execute(
        select(LEDGER_HEAD.c.sequence, LEDGER_HEAD.c.hash)
    ).one_or_none()
    if row is None:
        raise DamagedRecord(
            "The ledger has lost its head row.",
            hint="Compare it with a backup of the control store.",
        )
    return row.sequence, row.hash


def _read(connection: Connection, query: object) -> list[LedgerEntry]:
    rows = connection.execute(query).mappings()  # type: ignore[call-overload]
    return [LedgerEntry.model_validate(dict(row)) for row in rows]
