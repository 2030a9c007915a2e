"""The control store, migrated, on both databases that may hold it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.control_store.migrations import migrate


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.system)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without any table."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'control.sqlite'}"
    url: str = request.getfixturevalue("postgres_database")
    return url


@pytest.fixture
def url(empty_url: str) -> str:
    """The URL of a control store."""
    migrate(empty_url)
    return empty_url


@pytest.fixture
def store(url: str) -> Iterator[ControlStore]:
    """An empty control store."""
    opened = ControlStore.open(url)
    yield opened
    opened.close()
