"""What was kept out of the tables, why, and what became of it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, false, insert, or_, select, update

from analytics_platform.adapters.control_store.engine import reading, writing
from analytics_platform.adapters.control_store.ledger import (
    LEDGER_LOCK,
    Note,
    append_within,
)
from analytics_platform.adapters.control_store.tables import QUARANTINE
from analytics_platform.contracts.records import QuarantineEntry
from analytics_platform.errors import Conflict, NotFound

_IS_OPEN = QUARANTINE.c.released_at.is_(None) & QUARANTINE.c.resolved_at.is_(None)
_LOCK = "quarantine"


@dataclass(frozen=True)
class Quarantine:
    """Entries stay for ever; they are open until released, resolved or discarded."""

    engine: Engine

    def add(self, entry: QuarantineEntry) -> None:
        """Keep an entry."""
        with writing(self.engine, _LOCK) as connection:
            connection.execute(insert(QUARANTINE).values(**entry.model_dump()))

    def open(self, table: str | None = None) -> list[QuarantineEntry]:
        """Entries still open, oldest first, of all tables or of one."""
        query = select(QUARANTINE).where(_IS_OPEN)
        if table is not None:
            query = query.where(QUARANTINE.c.table == table)
        query = query.order_by(QUARANTINE.c.created_at, QUARANTINE.c.id)
        with reading(self.engine) as connection:
            rows = connection.execute(query).mappings().all()
        return [QuarantineEntry.model_validate(dict(row)) for row in rows]

    def find(self, id: str) -> QuarantineEntry:
        """The entry of that id, open or not.

        Raises:
            NotFound: there is none.
        """
        with reading(self.engine) as connection:
            query = select(QUARANTINE).where(QUARANTINE.c.id == id)
            row = connection.execute(query).mappings().one_or_none()
        if row is None:
            raise NotFound(
                f"There is no quarantine entry {id!r}.",
                hint="See `analytics quarantine list`.",
            )
        return QuarantineEntry.model_validate(dict(row))

    def mark_released(self, id: str, at: datetime) -> None:
        """Say that the entry's rows were let in.

        Raises:
            NotFound: there is no such entry.
            Conflict: it is no longer open.
        """
        with writing(self.engine, _LOCK) as connection:
            mine = _IS_OPEN & (QUARANTINE.c.id == id)
            changed = connection.execute(
                update(QUARANTINE).where(mine).values(released_at=at)
            ).rowcount
        if not changed:
            self.find(id)
            raise _closed(id)

    def discard(self, id: str, note: Note) -> QuarantineEntry:
        """Close an entry whose rows nobody wants; the ledger says who did and why.

        Gives the entry as it was; what is kept at its location stays there.

        Raises:
            NotFound: there is no such entry.
            Conflict: it is no longer open.
        """
        entry = self.find(id)
        subject = f"quarantine/{entry.table}"
        about = entry.model_dump(mode="json", exclude={"released_at", "resolved_at"})
        with writing(self.engine, LEDGER_LOCK) as connection:
            mine = _IS_OPEN & (QUARANTINE.c.id == id)
            closing = update(QUARANTINE).where(mine).values(resolved_at=note.at)
            if not connection.execute(closing).rowcount:
                raise _closed(id)
            told = Note(note.actor, note.action, {**note.details, **about}, note.at)
            append_within(connection, subject, told)
        return entry

    def resolve(
        self, table: str, partitions: Collection[str | None], at: datetime
    ) -> int:
        """Close the open entries of these partitions, as good data replaced them.

        None among the partitions means entries without one. Gives how many closed.
        """
        column = QUARANTINE.c.partition
        named = [partition for partition in partitions if partition is not None]
        unnamed = column.is_(None) if None in partitions else false()
        inside = or_(column.in_(named), unnamed)
        mine = _IS_OPEN & (QUARANTINE.c.table == table) & inside
        with writing(self.engine, _LOCK) as connection:
            return connection.execute(
                update(QUARANTINE).where(mine).values(resolved_at=at)
            ).rowcount


def _closed(id: str) -> Conflict:
    return Conflict(
        f"The quarantine entry {id!r} is closed already.",
        hint="See `analytics quarantine list`.",
    )
