"""Fixtures of the whole suite."""

from collections.abc import Iterator

import pytest

from tests.support.postgres import new_database, running_postgres


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A running PostgreSQL server; use it in tests marked `system`."""
    with running_postgres() as url:
        yield url


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """An empty database of that server, for one test."""
    with new_database(postgres_url) as url:
        yield url
