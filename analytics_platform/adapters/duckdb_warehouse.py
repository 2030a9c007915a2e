"""The embedded warehouse: one DuckDB file with one writer at a time."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb
from sqlalchemy import Engine, create_engine

from analytics_platform.adapters.engines import closing_engine
from analytics_platform.adapters.exclusive_lock import exclusive_lock
from analytics_platform.adapters.sql_parameters import place
from analytics_platform.adapters.warehouse import Parameters, Session, Value
from analytics_platform.settings import Settings

if TYPE_CHECKING:  # a code location loads this module and must not pay for these
    import pyarrow as pa
    from dlt.common.destination import Destination


@dataclass(frozen=True)
class DuckDBSession:
    """One connection to the DuckDB file."""

    connection: duckdb.DuckDBPyConnection

    def execute(self, sql: str, parameters: Parameters | None = None) -> None:
        """Run one statement and drop what it returns."""
        self._run(sql, parameters)

    def rows(
        self, sql: str, parameters: Parameters | None = None
    ) -> list[tuple[Value, ...]]:
        """All rows of a query."""
        return self._run(sql, parameters).fetchall()

    def arrow(self, sql: str, parameters: Parameters | None = None) -> "pa.Table":
        """A query's result with DuckDB's column types."""
        return self._run(sql, parameters).to_arrow_table()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit on leaving, roll back on an error."""
        self.connection.begin()
        try:
            yield
        except BaseException:
            self.connection.rollback()
            raise
        self.connection.commit()

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

    def _run(
        self, sql: str, parameters: Parameters | None
    ) -> duckdb.DuckDBPyConnection:
        if not parameters:
            return self.connection.execute(sql)
        placed = place(sql, parameters, lambda name: f"${name}")
        return self.connection.execute(placed, dict(parameters))


@dataclass(frozen=True)
class DuckDBWarehouse:
    """Tables in `<home>/warehouse.duckdb`."""

    settings: Settings
    dialect: str = "duckdb"

    def exclusive(self) -> AbstractContextManager[None]:
        """The right to open the file; other processes wait for their turn."""
        return exclusive_lock(self.settings.home / "warehouse.lock")

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A connection; DuckDB admits one process, so it holds the lock too."""
        with self.exclusive():
            connection = duckdb.connect(
                str(self.settings.duckdb_path), config=self._config()
            )
            try:
                connection.execute("set timezone = 'UTC'")
                yield DuckDBSession(connection)
            finally:
                connection.close()

    def dlt_destination(self) -> "Destination[Any, Any]":
        """Where dlt loads to; transactional, as its merge is not by default."""
        from dlt.destinations import duckdb as duckdb_destination

        return duckdb_destination(
            str(self.settings.duckdb_path), supports_transactions=True
        )

    @contextmanager
    def reading_engine(self) -> Iterator[Engine]:
        """A SQLAlchemy engine that only reads, its dialect in autocommit."""
        with self.exclusive():
            engine = create_engine(
                f"duckdb:///{self.settings.duckdb_path}",
                connect_args={"config": self._config()},
            )
            _autocommit(engine)
            with closing_engine(engine) as lent:
                yield lent

    def dbt_environment(self) -> dict[str, str]:
        """The variables that profiles.yml reads for the duckdb target."""
        return {
            "DBT_TARGET": "duckdb",
            "DBT_DUCKDB_PATH": str(self.settings.duckdb_path),
            "DBT_THREADS": str(self.settings.warehouse.threads),
            "DBT_MEMORY_LIMIT": self.settings.warehouse.memory_limit,
        }

    def _config(self) -> dict[str, str | bool | int | float | list[str]]:
        return {
            "threads": self.settings.warehouse.threads,
            "memory_limit": self.settings.warehouse.memory_limit,
        }


def _autocommit(engine: Engine) -> None:
    """Keep DuckDB's results readable after SQLAlchemy gives the connection back.

    Great Expectations reads them then, and the rollback in between would drop them.
    """
    for name in ("do_begin", "do_commit", "do_rollback"):
        setattr(engine.dialect, name, _nothing)


def _nothing(_connection: object) -> None:
    return None
