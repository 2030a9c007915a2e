"""Keeps what was not let in: Parquet or the file itself, with an entry saying why."""

import hashlib
import io
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePath

import pyarrow as pa
import pyarrow.parquet as pq

from analytics_platform.adapters.contract_columns import RawTable
from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.durable_files import write_atomically
from analytics_platform.contracts.records import QuarantineEntry
from analytics_platform.core.contract_gate import REASON
from analytics_platform.core.ingestion import Part
from analytics_platform.observability import get_logger

log = get_logger(__name__)

FOLDER = "quarantine"


@dataclass(frozen=True)
class Quarantine:
    """Where one load of one table puts what it may not let in."""

    home: Path
    store: ControlStore
    spec: RawTable
    run_id: str
    at: datetime

    def keep_rows(
        self, rows: pa.Table, *, part: Part, origin: str, reason: str
    ) -> QuarantineEntry | None:
        """Keep rows as they arrived; None if there are none."""
        if not len(rows):
            return None
        buffer = io.BytesIO()
        pq.write_table(_plain(rows), buffer, compression="zstd")
        content = buffer.getvalue()
        return self._keep(content, ".parquet", len(rows), (part, origin, reason))

    def keep_file(
        self, name: str, content: bytes, *, rows: int, reason: str
    ) -> QuarantineEntry:
        """Keep a whole file as it is; `rows` is 0 if they could not be counted."""
        return self._keep(content, PurePath(name).suffix, rows, (None, name, reason))

    def _keep(
        self, content: bytes, suffix: str, rows: int, about: tuple[Part, str, str]
    ) -> QuarantineEntry:
        """The file first, then its entry, so that an entry always has its file."""
        part, origin, reason = about
        digest = hashlib.sha256(content).hexdigest()[:24]
        location = f"{FOLDER}/{self.spec.name}/{digest}{suffix}"
        known = self._open_entry(part, location)
        if known is not None:
            return known
        write_atomically(self.home / location, content)
        if self.spec.write == "replace":  # what was held of this part before is past
            self.store.quarantine.resolve(self.spec.name, [part], self.at)
        entry = QuarantineEntry(
            id=_id(self.run_id, self.spec.name, part or "", location),
            table=self.spec.name,
            partition=part,
            origin=origin,
            rows=rows,
            reason=reason,
            location=location,
            run_id=self.run_id,
            created_at=self.at,
        )
        self.store.quarantine.add(entry)
        log.warning("data_quarantined", table=entry.table, id=entry.id, reason=reason)
        return entry

    def _open_entry(self, part: Part, location: str) -> QuarantineEntry | None:
        """The same rows kept before: a source that is not mended brings them again."""
        for entry in self.store.quarantine.open(self.spec.name):
            if entry.partition == part and entry.location == location:
                return entry
        return None


def summary(rows: pa.Table, *, limit: int = 3) -> str:
    """The first few different reasons among rows that were refused."""
    reasons = rows[REASON].drop_null().unique().to_pylist()
    more = f" and {len(reasons) - limit} more" if len(reasons) > limit else ""
    return "; ".join(reasons[:limit]) + more


def _id(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _plain(rows: pa.Table) -> pa.Table:
    """Columns of no known kind (all null) as text, which Parquet can hold."""
    fields = [
        field.with_type(pa.string()) if pa.types.is_null(field.type) else field
        for field in rows.schema
    ]
    return rows.cast(pa.schema(fields))
