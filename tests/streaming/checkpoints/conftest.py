"""A state database, on both databases that may hold it."""

from pathlib import Path

import pytest

from analytics_platform.adapters.control_store.migrations import migrate


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.system)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a migrated database."""
    if request.param == "sqlite":
        found = f"sqlite:///{tmp_path / 'stream.sqlite'}"
    else:
        found = request.getfixturevalue("postgres_database")
    migrate(found)
    return found


@pytest.fixture
def sqlite_path(tmp_path: Path) -> Path:
    """The file of a migrated SQLite database."""
    path = tmp_path / "stream.sqlite"
    migrate(f"sqlite:///{path}")
    return path
