"""The manifest of the file inbox: every file handled, by path, size and content."""

from dataclasses import dataclass

from sqlalchemy import Engine, Select, insert, select, update

from analytics_platform.adapters.control_store.engine import reading, writing
from analytics_platform.adapters.control_store.tables import INBOX
from analytics_platform.contracts.records import InboxFile, InboxStatus


@dataclass(frozen=True)
class Inbox:
    """Files and what became of them."""

    engine: Engine

    def record(self, file: InboxFile) -> None:
        """Keep what became of a file; handled again, its newest outcome stays."""
        fields = {**file.model_dump(), "status": file.status.value}
        same = (
            (INBOX.c.path == file.path)
            & (INBOX.c.size == file.size)
            & (INBOX.c.sha256 == file.sha256)
        )
        with writing(self.engine, "inbox") as connection:
            known = connection.execute(update(INBOX).where(same).values(**fields))
            if not known.rowcount:
                connection.execute(insert(INBOX).values(**fields))

    def by_content(self, table: str, sha256: str) -> InboxFile | None:
        """The file with this content that was loaded into `table`, if there is one."""
        found = self._read(
            select(INBOX).where(
                INBOX.c.table == table,
                INBOX.c.sha256 == sha256,
                INBOX.c.status == InboxStatus.LOADED.value,
            )
        )
        return found[0] if found else None

    def by_path(self, path: str, size: int, sha256: str) -> InboxFile | None:
        """What became of exactly this file, or None if it is new."""
        found = self._read(
            select(INBOX).where(
                INBOX.c.path == path, INBOX.c.size == size, INBOX.c.sha256 == sha256
            )
        )
        return found[0] if found else None

    def all(self) -> list[InboxFile]:
        """Every file ever handled, in the order they came."""
        return self._read(select(INBOX))

    def _read(self, query: Select[tuple[object, ...]]) -> list[InboxFile]:
        with reading(self.engine) as connection:
            rows = connection.execute(query.order_by(INBOX.c.id)).mappings().all()
        return [
            InboxFile.model_validate({k: v for k, v in row.items() if k != "id"})
            for row in rows
        ]
