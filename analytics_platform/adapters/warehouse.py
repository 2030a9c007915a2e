"""What every warehouse offers, whatever engine holds the tables."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Protocol

from analytics_platform.errors import InvalidUsage
from analytics_platform.settings import Settings

if TYPE_CHECKING:  # a code location loads this module and must not pay for these
    import pyarrow as pa
    from dlt.common.destination import Destination
    from sqlalchemy import Engine

Value = str | int | float | bool | date | datetime | None
Parameters = Mapping[str, Value]


class Session(Protocol):
    """One connection. Statements name their parameters as `:name`."""

    def execute(self, sql: str, parameters: Parameters | None = None) -> None:
        """Run one statement and drop what it returns."""
        ...

    def rows(
        self, sql: str, parameters: Parameters | None = None
    ) -> list[tuple[Value, ...]]:
        """All rows of a query."""
        ...

    def arrow(self, sql: str, parameters: Parameters | None = None) -> "pa.Table":
        """A query's result, column types those of the engine."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """Commit on leaving, roll back on an error."""
        ...

    def columns(self, relation: str) -> dict[str, str]:
        """Column names and engine types of `schema.table`; empty if it is not there."""
        ...


class Warehouse(Protocol):
    """An engine that holds the tables of the platform."""

    @property
    def dialect(self) -> str:
        """The engine's name, as dbt targets and sqlglot call it."""
        ...

    def exclusive(self) -> AbstractContextManager[None]:
        """The one writer's right; waits for its turn, re-entrant within a process."""
        ...

    def session(self) -> AbstractContextManager[Session]:
        """Open a connection; take `exclusive()` too, to write."""
        ...

    def dlt_destination(self) -> "Destination[Any, Any]":
        """Where dlt loads to, atomically."""
        ...

    def reading_engine(self) -> "AbstractContextManager[Engine]":
        """A SQLAlchemy engine in autocommit, for queries only."""
        ...

    def dbt_environment(self) -> dict[str, str]:
        """The variables that dbt_project/profiles.yml reads."""
        ...


def open_warehouse(settings: Settings) -> Warehouse:
    """The warehouse that the settings name; connects when first used.

    Raises:
        InvalidUsage: the platform cannot read that kind of warehouse itself.
    """
    if settings.warehouse.kind == "duckdb":
        from analytics_platform.adapters.duckdb_warehouse import DuckDBWarehouse

        return DuckDBWarehouse(settings)
    if settings.warehouse.kind != "postgres":
        raise InvalidUsage(
            f"The platform cannot read a {settings.warehouse.kind} warehouse yet; "
            "only the dbt project runs there.",
            hint="Set ANALYTICS_WAREHOUSE__KIND to duckdb or postgres.",
        )
    from analytics_platform.adapters.postgres_warehouse import PostgresWarehouse

    return PostgresWarehouse(settings)
