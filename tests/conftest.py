"""Fixtures of the whole suite."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog

from analytics_platform.adapters.kafka_broker import KafkaBroker
from analytics_platform.settings import Settings
from tests.support.flight_warehouse import build_everything, load_raw_duckdb
from tests.support.kafka_server import running_kafka
from tests.support.postgres import new_database, running_postgres


@pytest.fixture(scope="session", autouse=True)
def _loggers_are_not_kept() -> Iterator[None]:
    """Loggers follow the configuration of their test, not that of their first use."""
    configure = structlog.configure

    def configure_uncached(**options: Any) -> None:
        configure(**{**options, "cache_logger_on_first_use": False})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(structlog, "configure", configure_uncached)
        yield


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """A command that a test runs in this process configures logging for good."""
    yield
    structlog.reset_defaults()


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


@pytest.fixture(scope="session")
def kafka() -> Iterator[KafkaBroker]:
    """A running Apache Kafka node; use it in tests marked `system`."""
    with running_kafka() as broker:
        yield broker


@pytest.fixture(scope="session")
def built_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose DuckDB holds all models, of the first two days of each month.

    Shared: read it, or change a copy (`copy_home`).
    """
    settings = Settings(home=tmp_path_factory.mktemp("built"))
    load_raw_duckdb(settings.duckdb_path, days_per_month=2)
    result = build_everything(settings, now=datetime(2013, 6, 1, tzinfo=UTC))
    assert not [node for node in result.nodes if node.status in ("error", "fail")]
    return settings.home
