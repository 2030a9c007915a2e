"""Dagster's event files are quick to write to during a run, and whole after it."""

import sqlite3
from pathlib import Path

from sqlalchemy import NullPool, create_engine, text

from analytics_platform.defs.event_storage import swift_events

_NORMAL, _FULL = 1, 2


def test_commits_under_the_storage_do_not_wait_and_the_log_stays(
    tmp_path: Path,
) -> None:
    path = _file(tmp_path / "storage" / "events.db")
    with swift_events(tmp_path / "storage"):
        _insert(path)
        assert _synchronous(path) == _NORMAL
        assert path.with_name("events.db-wal").exists()
    assert _synchronous(path) == _FULL
    assert not path.with_name("events.db-wal").exists()
    assert _rows(path) == 1


def test_other_files_wait_for_the_disk_as_before(tmp_path: Path) -> None:
    path = _file(tmp_path / "control" / "control.db")
    with swift_events(tmp_path / "storage"):
        assert _synchronous(path) == _FULL


def test_a_file_that_appears_during_the_run_is_kept_open_too(tmp_path: Path) -> None:
    with swift_events(tmp_path / "storage"):
        path = _file(tmp_path / "storage" / "run.db")
        _insert(path)
        _insert(path)
        assert path.with_name("run.db-wal").exists()
    assert _rows(path) == 2


def _file(path: Path) -> Path:
    """A database as Dagster makes it: its journal becomes a log after the tables."""
    path.parent.mkdir()
    _execute(path, "create table events (id integer)")
    _execute(path, "pragma journal_mode = wal")
    return path


def _insert(path: Path) -> None:
    _execute(path, "insert into events values (1)")


def _execute(path: Path, statement: str) -> None:
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text(statement))
        connection.commit()


def _synchronous(path: Path) -> int:
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    with engine.connect() as connection:
        return int(connection.execute(text("pragma synchronous")).scalar_one())


def _rows(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("select count(*) from events").fetchone()[0])
    finally:
        connection.close()
