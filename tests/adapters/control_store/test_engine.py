"""Connections to the control store."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import event, exc, text

from analytics_platform.adapters.control_store.engine import (
    UtcDateTime,
    open_engine,
    reading,
    writing,
)
from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.control_store.ledger import Note
from analytics_platform.adapters.control_store.migrations import migrate
from analytics_platform.errors import DamagedRecord, DiskFull
from tests.support.instants import at


def test_sqlite_is_durable_and_waits(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'deep' / 'er' / 'control.sqlite'}")
    with reading(engine) as connection:
        found = {
            name: connection.execute(text(f"pragma {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,  # full
        "foreign_keys": 1,
        "busy_timeout": 60_000,
    }


def test_a_damaged_file_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "control.sqlite"
    path.write_bytes(b"no database" * 1_000)
    engine = open_engine(f"sqlite:///{path}")
    damaged = pytest.raises(DamagedRecord, match=r"control\.sqlite is damaged")
    with damaged, reading(engine):
        pass
    assert path.read_bytes() == b"no database" * 1_000


def test_a_failed_transaction_leaves_nothing(store: ControlStore) -> None:
    def fail() -> None:
        with writing(store.engine, "test") as connection:
            connection.execute(text("delete from ledger_head"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert store.ledger.verify() == 0


def test_an_instant_without_time_zone_is_refused(store: ControlStore) -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - that is the point
    with pytest.raises(exc.StatementError, match="has no time zone"):
        store.outbox.add("kind", "key", {}, naive)


def test_instants_come_back_in_utc_to_the_microsecond(store: ControlStore) -> None:
    berlin = datetime(2026, 1, 1, 1, 2, 3, 456789, timezone(timedelta(hours=1)))
    store.outbox.add("kind", "key", {}, berlin)
    found = store.outbox.pending()[0].created_at
    assert found.isoformat() == "2026-01-01T00:02:03.456789+00:00"


def test_no_instant_stays_none() -> None:
    kind = UtcDateTime()
    dialect = open_engine("sqlite://").dialect
    assert kind.process_bind_param(None, dialect) is None
    assert kind.process_result_value(None, dialect) is None


def test_a_full_disk_is_told_and_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'control.sqlite'}"
    migrate(url)
    store = ControlStore.open(url)
    big = Note("ada", "act", {"text": "x" * 1_000_000}, at(0))

    @event.listens_for(store.engine, "connect")
    def limit(connection: object, _entry: object) -> None:
        connection.execute("pragma max_page_count = 1")  # type: ignore[attr-defined]

    with pytest.raises(DiskFull):
        store.ledger.append("s", big)
    assert store.ledger.verify() == 0
