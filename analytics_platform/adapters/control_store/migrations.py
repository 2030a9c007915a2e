"""Moves the control store's tables forward and back, one process at a time."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from analytics_platform.adapters.control_store.engine import (
    open_engine,
    reading,
    writing,
)
from analytics_platform.settings import ROOT

MIGRATIONS = ROOT / "deployment" / "migrations"
_LOCK = "migrations"


def migrate(url: str, revision: str = "head") -> None:
    """Bring the tables at `url` up to `revision`; all of it or nothing."""
    engine = open_engine(url)
    try:
        if revision != "head" or _revision(engine) != head():
            with writing(engine, _LOCK) as connection:
                command.upgrade(_config(connection=connection), revision)
    finally:
        engine.dispose()


def rollback(url: str, revision: str) -> None:
    """Take the tables at `url` back to `revision` (`base`: none, `-1`: one step)."""
    engine = open_engine(url)
    try:
        with writing(engine, _LOCK) as connection:
            command.downgrade(_config(connection=connection), revision)
    finally:
        engine.dispose()


def create(url: str, message: str) -> Path:
    """Write the migration from the tables at `url` to those declared in tables.py."""
    engine = open_engine(url)
    number = f"{len(list(_scripts().walk_revisions())) + 1:04d}"
    try:
        with writing(engine, _LOCK) as connection:
            config = _config(connection=connection)
            made = command.revision(config, message, autogenerate=True, rev_id=number)
    finally:
        engine.dispose()
    scripts = [script for script in [made] if script and not isinstance(script, list)]
    return Path(scripts[0].path)


def revision(url: str) -> str | None:
    """The revision of the tables at `url`; None if there are none."""
    engine = open_engine(url)
    try:
        return _revision(engine)
    finally:
        engine.dispose()


def head() -> str | None:
    """The newest revision."""
    return _scripts().get_current_head()


def _revision(engine: Engine) -> str | None:
    with reading(engine) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config(**attributes: object) -> Config:
    config = Config(MIGRATIONS / "alembic.ini")
    config.attributes.update(attributes)
    return config
