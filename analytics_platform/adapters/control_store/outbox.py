"""Side effects still to be done, each stored once."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, select, update

from analytics_platform.adapters.control_store.engine import (
    insert_unless_there,
    reading,
    writing,
)
from analytics_platform.adapters.control_store.tables import OUTBOX
from analytics_platform.contracts.records import OutboxEvent
from analytics_platform.core.ledger import plain


@dataclass(frozen=True)
class Outbox:
    """Events in the order they were added; an equal dedupe key is stored once."""

    engine: Engine

    def add(
        self, kind: str, dedupe_key: str, payload: dict[str, object], at: datetime
    ) -> bool:
        """Add an event; False if one with this key was there already."""
        values = {
            "kind": kind,
            "dedupe_key": dedupe_key,
            "payload": plain(payload),
            "created_at": at,
        }
        with writing(self.engine, "outbox") as connection:
            return insert_unless_there(connection, OUTBOX, values)

    def pending(self) -> list[OutboxEvent]:
        """Events not yet delivered, oldest first."""
        query = (
            select(OUTBOX).where(OUTBOX.c.delivered_at.is_(None)).order_by(OUTBOX.c.id)
        )
        with reading(self.engine) as connection:
            rows = connection.execute(query).mappings().all()
        return [OutboxEvent.model_validate(dict(row)) for row in rows]

    def mark_delivered(self, id: int, at: datetime) -> None:
        """Say that an event was delivered; the first time counts."""
        mine = (OUTBOX.c.id == id) & OUTBOX.c.delivered_at.is_(None)
        with writing(self.engine, "outbox") as connection:
            connection.execute(update(OUTBOX).where(mine).values(delivered_at=at))
