"""Connections to the control store: SQLite in one file, or PostgreSQL by URL."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import (
    Connection,
    DateTime,
    Dialect,
    Engine,
    NullPool,
    Table,
    TypeDecorator,
    create_engine,
    event,
    exc,
    make_url,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from analytics_platform.errors import (
    DamagedRecord,
    DiskFull,
    NotFound,
    PlatformError,
    Unavailable,
)

_IMMEDIATE = "control_store_immediate"
_BUSY_SECONDS = 60


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant; stored in UTC, given back in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 - SQLAlchemy's signature
    ) -> datetime | None:
        """The instant in UTC; a naive one is refused."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"the instant {value.isoformat()} has no time zone")
        return value.astimezone(UTC)

    def process_result_value(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 - SQLAlchemy's signature
    ) -> datetime | None:
        """The stored instant, aware."""
        if value is None or value.tzinfo is not None:
            return value and value.astimezone(UTC)
        return value.replace(tzinfo=UTC)


def open_engine(url: str) -> Engine:
    """An engine for `url`; connects when first used. SQLite's folder is made."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True)
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    # NullPool: a connection must not outlive a fork nor keep the file open.
    engine = create_engine(
        parsed, poolclass=NullPool, connect_args={"timeout": _BUSY_SECONDS}
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection that sees one consistent state."""
    with _understandable(engine), engine.begin() as connection:
        yield connection


@contextmanager
def writing(engine: Engine, subject: str) -> Iterator[Connection]:
    """A transaction; on PostgreSQL those of one `subject` take turns.

    SQLite has one writer at a time: its turn is taken at the beginning, so that what
    was read cannot be out of date when it is written.
    """
    immediate = engine.execution_options(**{_IMMEDIATE: True})
    with _understandable(engine), immediate.begin() as connection:
        if _is_postgres(connection):
            connection.execute(
                text("select pg_advisory_xact_lock(hashtext(:subject))"),
                {"subject": f"analytics.{subject}"},
            )
        yield connection


def insert_unless_there(
    connection: Connection, table: Table, values: Mapping[str, object]
) -> bool:
    """Insert a row; False if a row with an equal unique key was there already."""
    make = postgresql.insert if _is_postgres(connection) else sqlite.insert
    statement = make(table).values(**values).on_conflict_do_nothing()
    return connection.execute(statement).rowcount == 1


def _is_postgres(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    """Settings of every SQLite connection; transactions begin as SQLAlchemy says."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"pragma busy_timeout = {_BUSY_SECONDS * 1000}")
    # Only counts for a new file. State logs are large blobs: a fifth less work.
    cursor.execute("pragma page_size = 8192")
    cursor.execute("pragma journal_mode = wal")
    cursor.execute("pragma synchronous = full")
    cursor.execute("pragma foreign_keys = on")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get(_IMMEDIATE, False)
    connection.exec_driver_sql("begin immediate" if immediate else "begin")


@contextmanager
def _understandable(engine: Engine) -> Iterator[None]:
    try:
        yield
    except exc.DatabaseError as error:
        known = _explain(error, Path(engine.url.database or "").name)
        if known is None:
            raise
        raise known from error


def _explain(error: exc.DBAPIError, name: str) -> PlatformError | None:
    said = str(error.orig).strip().splitlines()[0] if error.orig else ""
    if "no such table" in said or "does not exist" in said:
        return NotFound(
            f"The control store lacks what is asked of it: {said}.",
            hint="Run `make migrate-upgrade`.",
        )
    if "not a database" in said or "malformed" in said:
        return DamagedRecord(
            f"The database {name} is damaged: {said}.",
            hint="Bring back a backup, or move the file away to begin without it.",
        )
    if "disk is full" in said or "No space left" in said:
        return DiskFull(f"The control store cannot grow: {said}.")
    if isinstance(error, exc.OperationalError):
        return Unavailable(
            f"The control store did not answer: {said}.",
            hint="Check ANALYTICS_CONTROL_STORE and `analytics doctor`.",
        )
    return None
