"""How Alembic reaches the control store, and what it compares the tables with."""

from typing import Literal

from alembic import context
from sqlalchemy import Connection

from analytics_platform.adapters.control_store.engine import (
    UtcDateTime,
    open_engine,
    writing,
)
from analytics_platform.adapters.control_store.tables import METADATA
from analytics_platform.settings import load_settings


def render_type(kind: str, value: object, _context: object) -> str | Literal[False]:
    """Our instants are written as the type that the database stores them in."""
    if kind == "type" and isinstance(value, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def run(connection: Connection) -> None:
    """Run the asked-for migrations in the connection's transaction."""
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        transactional_ddl=True,
        render_as_batch=connection.dialect.name == "sqlite",
        render_item=render_type,
    )
    context.run_migrations()


given = context.config.attributes.get("connection")
if isinstance(given, Connection):
    run(given)
else:
    engine = open_engine(load_settings().control_store_url)
    with writing(engine, "migrations") as own:
        run(own)
    engine.dispose()
