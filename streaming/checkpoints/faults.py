"""What a driver's error means: try again later, or stop."""

import sqlite3

from analytics_platform.errors import DiskFull, NotFound, PlatformError, Unavailable
from streaming.checkpoints.errors import StateUnusable

# SQLite's primary result codes, https://sqlite.org/rescode.html
_PASSING = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN}
_BROKEN = {
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
}

# PostgreSQL's classes of SQLSTATE and single ones, its manual's appendix A.
_PASSING_STATES = ("08", "53", "57", "40001", "40P01", "55P03")
_FULL_STATE = "53100"
_READ_ONLY_STATES = ("25006", "XX")
_NO_TABLE_STATE = "42P01"


def explain(error: BaseException) -> PlatformError | None:
    """The platform's error for a driver's; None if it is a mistake in a program."""
    said = str(error).strip().partition("\n")[0]
    if isinstance(error, sqlite3.Error):
        return _explain_sqlite(error, said)
    if type(error).__module__.startswith("psycopg2"):
        return _explain_postgres(getattr(error, "pgcode", None), said, type(error))
    return None


def _explain_sqlite(error: sqlite3.Error, said: str) -> PlatformError | None:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return _full(said)
    if code in _PASSING:
        return _away(said)
    if code in _BROKEN:
        return _unusable(said)
    return _not_migrated(said) if "no such table" in said else None


def _explain_postgres(
    state: str | None, said: str, kind: type[BaseException]
) -> PlatformError | None:
    if state is None:
        # The connection broke or was never made: no server could give a state.
        lost = kind.__name__ in ("OperationalError", "InterfaceError")
        return _away(said) if lost else None
    if state == _FULL_STATE:
        return _full(said)
    if state.startswith(_PASSING_STATES):
        return _away(said)
    if state.startswith(_READ_ONLY_STATES):
        return _unusable(said)
    return _not_migrated(said) if state == _NO_TABLE_STATE else None


def _away(said: str) -> Unavailable:
    return Unavailable(
        f"The state database did not answer: {said}.",
        hint="Check ANALYTICS_STREAMING__STATE and `analytics doctor`.",
    )


def _full(said: str) -> DiskFull:
    return DiskFull(f"The state database cannot grow: {said}.")


def _unusable(said: str) -> StateUnusable:
    return StateUnusable(
        f"The state database cannot be used: {said}.",
        hint="Check its disk and permissions, or bring back a backup; the stream "
        "goes on from the offsets that are stored there.",
    )


def _not_migrated(said: str) -> NotFound:
    return NotFound(
        f"The state database lacks its tables: {said}.",
        hint="Run `make migrate-upgrade`.",
    )
