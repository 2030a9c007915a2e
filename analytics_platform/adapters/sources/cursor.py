"""Tells from the warehouse how far a source with a cursor has been loaded.

The cursor is kept nowhere else: what is in `raw` was committed together with it, so a
load that was killed neither skips rows nor needs mending.
"""

from collections.abc import Sequence

from analytics_platform.adapters.promotion import QUARANTINE, RAW
from analytics_platform.adapters.sources.sql_table import Cursor
from analytics_platform.adapters.warehouse import Session
from analytics_platform.contracts.domain import TableSpec
from analytics_platform.core.contract_gate import PARTITION
from analytics_platform.core.exact_casts import quoted
from analytics_platform.core.ingestion import Part, cursor_of, days_of


def cursor_after(
    session: Session, spec: TableSpec, parts: Sequence[Part]
) -> Cursor | None:
    """The cursor from which to read on for these parts; None: from the beginning.

    It is the least of the parts' newest cursors, since a part may lag behind another,
    and none if a part has no rows yet. Rows held back by a check are read again. A
    table that is replaced is always read from the beginning.
    """
    cursor = cursor_of(spec)
    if cursor is None:
        return None
    raw = f"{RAW}.{spec.name}"
    if not session.columns(raw):
        return None
    column = quoted(cursor)
    keys = [part for part in parts if part is not None]
    newest = _newest(session, f"select max({column})", raw, keys)
    if len(newest) < max(len(keys), 1) or None in newest:
        return None
    held = _newest(session, f"select min({column})", f"{QUARANTINE}.{spec.name}", keys)
    return min(cursor for cursor in (*newest, *held) if cursor is not None)


def _newest(
    session: Session, select: str, relation: str, keys: Sequence[str]
) -> list[Cursor | None]:
    query = f"{select} from {relation}"
    if keys:
        query += f" where {PARTITION} in ({days_of(keys)}) group by {PARTITION}"
    return [row[0] for row in session.rows(query)]
