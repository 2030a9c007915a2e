"""One connection to the state database, SQLite or PostgreSQL, with one SQL for both.

Statements go to the driver as they are: at fifty commits a second a layer that builds
them would cost more than the database.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor

from analytics_platform.adapters.control_store.engine import open_engine
from analytics_platform.errors import Unavailable
from streaming.checkpoints.copying import Target, decode_blobs, encode_rows
from streaming.checkpoints.faults import explain

Row = Sequence[Any]

# A lock that is held longer is reported, so that the caller can say that it waits.
_BUSY_MS = 2_000
# A server that does not answer is away: libpq's settings, the last in milliseconds.
_PATIENCE = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
_STATEMENT_MS = 60_000
# Pages of SQLite's log before it is copied into the file. Commits every 20 ms: p99
# 4.5 ms with SQLite's 1,000 pages, 2 ms with these.
_WAL_PAGES = 2_000
_CACHE_KIB = 16_384
# PostgreSQL takes smaller rows as quickly in a statement as by COPY.
_LARGE_BYTES = 32_768
# A statement with more values would pass SQLite's limit of 32,766.
_ROWS_PER_STATEMENT = 1_000


class Database:
    """A connection that is opened when first used, and again after it broke."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: DBAPIConnection | None = None
        self._file = _File.of(engine)
        self.is_sqlite = engine.dialect.name == "sqlite"

    @classmethod
    def open(cls, url: str) -> "Database":
        """The database at a SQLAlchemy URL; its tables are made by migrations."""
        if make_url(url).get_backend_name() == "sqlite":
            return cls(open_engine(url))
        return cls(create_engine(url, pool_pre_ping=True, connect_args=_PATIENCE))

    @contextmanager
    def transaction(self) -> Iterator["Transaction"]:
        """A transaction: all of it is committed at the end, or nothing.

        Raises:
            Unavailable: the database is away or locked; may be tried again.
            DiskFull: it has no room.
            StateUnusable: it is damaged or read-only.
            NotFound: it was never migrated.
        """
        try:
            connection = self._connected()
            cursor = connection.cursor()
            if self.is_sqlite:
                cursor.execute("begin immediate")
            yield Transaction(cursor, is_sqlite=self.is_sqlite)
            connection.commit()
            cursor.close()
        except BaseException as error:
            known = explain(error)
            self._give_up(is_lost=isinstance(known, Unavailable))
            if known is None:
                raise
            raise known from error

    def close(self) -> None:
        """Close the connection; the next use opens one again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                connection.close()
        self._engine.dispose()

    def _connected(self) -> DBAPIConnection:
        if self._file is not None and self._file.was_replaced():
            self.close()
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> DBAPIConnection:
        connection = self._engine.raw_connection()
        cursor = connection.cursor()
        if self.is_sqlite:
            cursor.execute(f"pragma busy_timeout = {_BUSY_MS}")
            cursor.execute(f"pragma wal_autocheckpoint = {_WAL_PAGES}")
            cursor.execute(f"pragma cache_size = -{_CACHE_KIB}")
        else:
            cursor.execute(f"set lock_timeout = {_BUSY_MS}")
            cursor.execute(f"set statement_timeout = {_STATEMENT_MS}")
            connection.commit()
        cursor.close()
        if self._file is not None:
            self._file.remember()
        return connection

    def _give_up(self, *, is_lost: bool) -> None:
        """Roll back; a connection that broke is dropped."""
        if self._connection is None:
            return
        with suppress(Exception):  # the error that led here is the one to report
            self._connection.rollback()
        if is_lost:
            self.close()


class Transaction:
    """Statements with `?` for values, sent in one transaction."""

    def __init__(self, cursor: DBAPICursor, *, is_sqlite: bool) -> None:
        self._cursor = cursor
        self._is_sqlite = is_sqlite

    def run(self, statement: str, values: Row = ()) -> int:
        """Run one statement; gives the number of rows that it changed."""
        sql = statement if self._is_sqlite else statement.replace("?", "%s")
        self._cursor.execute(sql, values)
        return self._cursor.rowcount

    def rows(self, statement: str, values: Row = ()) -> list[tuple[Any, ...]]:
        """Every row that a statement gives."""
        self.run(statement, values)
        return [tuple(row) for row in self._cursor.fetchall()]

    def many(self, statement: str, rows: Sequence[Row]) -> int:
        """Run a statement in which `{rows}` stands for a list of rows of values.

        Gives the number of rows that it changed.
        """
        changed = 0
        for first in range(0, len(rows), _ROWS_PER_STATEMENT):
            some = rows[first : first + _ROWS_PER_STATEMENT]
            filled = statement.format(
                rows=",".join([f"({marks(some[0])})"] * len(some))
            )
            changed += self.run(filled, list(chain.from_iterable(some)))
        return changed

    def insert(self, target: Target, rows: Sequence[Row]) -> None:
        """Insert rows, each with one blob, its last value."""
        size = sum(len(row[-1]) for row in rows)
        names = ", ".join(target.columns)
        into = f"{target.table} ({names})"
        if self._is_sqlite or size < _LARGE_BYTES:
            self.many(f"insert into {into} values {{rows}}", rows)
            return
        body = encode_rows(list(target.columns.values()), rows)
        copy = f"copy {into} from stdin with (format binary)"
        self._cursor.copy_expert(copy, BytesIO(body))

    def blobs(self, query: str, values: Sequence[int]) -> list[bytes]:
        """The blobs that a query gives, one in each row."""
        if self._is_sqlite:
            return [body for (body,) in self.rows(query, values)]
        filled = query.replace("?", "{}").format(*map(int, values))
        copied = BytesIO()
        copy = f"copy ({filled}) to stdout with (format binary)"
        self._cursor.copy_expert(copy, copied)
        return decode_blobs(copied.getvalue())


def marks(values: Sequence[Any]) -> str:
    """Placeholders for a list of values; for none, one that nothing equals."""
    return ",".join("?" * len(values)) or "null"


class _File:
    """SQLite's file: what is written to one that was deleted would be lost."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._identity: tuple[int, int] | None = None

    @classmethod
    def of(cls, engine: Engine) -> "_File | None":
        database = engine.url.database
        if engine.dialect.name != "sqlite" or not database or database == ":memory:":
            return None
        return cls(Path(database))

    def was_replaced(self) -> bool:
        """Whether another file is there than the one that was opened.

        Raises:
            Unavailable: none is there.
        """
        try:
            status = self.path.stat()
        except OSError as error:
            raise Unavailable(
                f"The state database {self.path.name} cannot be reached.",
                hint="Bring the file back, or run `make migrate-upgrade` to begin "
                "with an empty one.",
            ) from error
        return self._identity not in (None, (status.st_dev, status.st_ino))

    def remember(self) -> None:
        """Take the file that is there for the one that was opened."""
        status = self.path.stat()
        self._identity = (status.st_dev, status.st_ino)
