"""A PostgreSQL warehouse: many readers, one writer at a time by an advisory lock."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analytics_platform.adapters.engines import closing_engine
from analytics_platform.adapters.postgres_results import fetch_arrow, number_types
from analytics_platform.adapters.sql_parameters import place
from analytics_platform.adapters.warehouse import Parameters, Session, Value
from analytics_platform.errors import InvalidUsage, Unavailable
from analytics_platform.settings import Settings

if TYPE_CHECKING:  # a code location loads this module and must not pay for these
    import pyarrow as pa
    from dlt.common.destination import Destination
    from psycopg2.extensions import connection as Connection  # noqa: N812
    from psycopg2.extensions import cursor as Cursor  # noqa: N812
    from sqlalchemy import URL, Engine

# Any number does, as long as all processes of the platform use the same one.
_LOCK_KEY = 20130101
_POLL_SECONDS = 0.05
_CONNECT_SECONDS = 10

_held: dict[str, tuple["Connection", int]] = {}
_guard = threading.RLock()


@dataclass
class PostgresSession:
    """One connection; outside `transaction` each statement commits by itself."""

    connection: "Connection"

    def execute(self, sql: str, parameters: Parameters | None = None) -> None:
        """Run one statement and drop what it returns."""
        with self._run(sql, parameters):
            pass

    def rows(
        self, sql: str, parameters: Parameters | None = None
    ) -> list[tuple[Value, ...]]:
        """All rows of a query; numerics as int when whole, else float."""
        with self._run(sql, parameters) as cursor:
            return cursor.fetchall()

    def arrow(self, sql: str, parameters: Parameters | None = None) -> "pa.Table":
        """A query's result, numerics as double; types that Arrow lacks as text."""
        with self.connection.cursor() as cursor:
            return fetch_arrow(cursor, *_placed(sql, parameters))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit on leaving, roll back on an error."""
        self.execute("begin")
        try:
            yield
        except BaseException:
            if not self.connection.closed:
                self.execute("rollback")
            raise
        self.execute("commit")

    def columns(self, relation: str) -> dict[str, str]:
        """Column names and types of `schema.table`; empty if it is not there."""
        schema, table = relation.split(".")
        found = self.rows(
            "select column_name, data_type from information_schema.columns "
            "where table_schema = :schema and table_name = :table "
            "order by ordinal_position",
            {"schema": schema, "table": table},
        )
        return {str(name): str(type_name) for name, type_name in found}

    @contextmanager
    def _run(self, sql: str, parameters: Parameters | None) -> Iterator["Cursor"]:
        with self.connection.cursor() as cursor:
            cursor.execute(*_placed(sql, parameters))
            yield cursor


@dataclass(frozen=True)
class PostgresWarehouse:
    """Tables in the database that `settings.warehouse.url` names."""

    settings: Settings
    dialect: str = "postgres"

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """The one writer's right, freed by the server when its holder dies.

        Re-entrant within a thread; threads of one process take turns.

        Raises:
            Unavailable: the server does not answer.
        """
        url = self._plain_url()
        with _guard:
            connection, depth = _held.get(url) or (_locked(url), 0)
            _held[url] = (connection, depth + 1)
            try:
                yield
            finally:
                _release(url)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A connection in UTC.

        Raises:
            Unavailable: the server does not answer.
        """
        connection = _connect(self._plain_url())
        number_types(connection)
        try:
            yield PostgresSession(connection)
        finally:
            connection.close()

    def dlt_destination(self) -> "Destination[Any, Any]":
        """Where dlt loads to; its loads are transactions here."""
        from dlt.destinations import postgres

        url = self._url().set(drivername="postgresql")
        # dlt insists on a password; a server that trusts its clients ignores it.
        url = url.set(password=url.password or "unused")
        return postgres(url.render_as_string(hide_password=False))

    @contextmanager
    def reading_engine(self) -> Iterator["Engine"]:
        """A SQLAlchemy engine in autocommit; leaves no connection open.

        Pooled: Great Expectations reads results after it gives the connection back.
        """
        from sqlalchemy import create_engine

        engine = create_engine(
            self._url().set(drivername="postgresql+psycopg2"),
            isolation_level="AUTOCOMMIT",
            connect_args={"options": "-c timezone=UTC"},
        )
        with closing_engine(engine) as lent:
            yield lent

    def dbt_environment(self) -> dict[str, str]:
        """The variables that profiles.yml reads for the postgres target."""
        url = self._url()
        return {
            "DBT_TARGET": "postgres",
            "DBT_POSTGRES_HOST": url.host or "localhost",
            "DBT_POSTGRES_PORT": str(url.port or 5432),
            "DBT_POSTGRES_USER": url.username or "",
            "DBT_POSTGRES_PASSWORD": url.password or "",
            "DBT_POSTGRES_DATABASE": url.database or "",
            "DBT_THREADS": str(self.settings.warehouse.threads),
        }

    def _url(self) -> "URL":
        from sqlalchemy import make_url

        if self.settings.warehouse.url is None:
            raise InvalidUsage(
                "The Postgres warehouse has no URL.",
                hint="Set ANALYTICS_WAREHOUSE__URL.",
            )
        return make_url(self.settings.warehouse.url.get_secret_value())

    def _plain_url(self) -> str:
        url = self._url().set(drivername="postgresql")
        return url.render_as_string(hide_password=False)


def _connect(url: str) -> "Connection":
    import psycopg2

    try:
        connection: Connection = psycopg2.connect(
            url, connect_timeout=_CONNECT_SECONDS, options="-c timezone=UTC"
        )
    except psycopg2.OperationalError as error:
        raise Unavailable(
            f"The warehouse did not answer: {str(error).strip()}",
            hint="Start PostgreSQL, or correct ANALYTICS_WAREHOUSE__URL.",
        ) from error
    connection.autocommit = True
    return connection


def _locked(url: str) -> "Connection":
    """A connection that holds the lock; polls, so that Ctrl-C is heard."""
    connection = _connect(url)
    try:
        with connection.cursor() as cursor:
            while True:
                cursor.execute("select pg_try_advisory_lock(%s)", (_LOCK_KEY,))
                row = cursor.fetchone()
                if row and row[0]:
                    return connection
                time.sleep(_POLL_SECONDS)
    except BaseException:
        connection.close()
        raise


def _release(url: str) -> None:
    connection, depth = _held[url]
    if depth > 1:
        _held[url] = (connection, depth - 1)
        return
    del _held[url]
    connection.close()


def _placed(
    sql: str, parameters: Parameters | None
) -> tuple[str, dict[str, Value] | None]:
    """psycopg2's spelling; without parameters it leaves every % alone."""
    if not parameters:
        return sql, None
    doubled = sql.replace("%", "%%")
    return place(doubled, parameters, lambda name: f"%({name})s"), dict(parameters)
