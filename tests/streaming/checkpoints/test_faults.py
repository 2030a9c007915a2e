"""What a state database that is away, locked, full or damaged leads to."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from analytics_platform.adapters.control_store.migrations import migrate
from analytics_platform.errors import DiskFull, Unavailable
from streaming.checkpoints import database
from streaming.checkpoints.database import Database, Transaction
from streaming.checkpoints.errors import Fenced, StateUnusable
from streaming.checkpoints.store import CheckpointStore
from streaming.checkpoints.values import Move
from tests.support.checkpoint_stores import (
    SOURCE,
    WINDOW,
    blob,
    commit,
    owning_store,
)


def offset(path: Path) -> int:
    """The committed offset of partition 0, read by somebody else."""
    with closing(sqlite3.connect(path)) as reading:
        query = "select next_offset from stream_partitions where partition = 0"
        ((found,),) = reading.execute(query).fetchall()
    assert isinstance(found, int)
    return found


def test_a_locked_database_is_unavailable_and_then_goes_on(
    sqlite_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_BUSY_MS", 50)
    store = owning_store(f"sqlite:///{sqlite_path}")
    with closing(sqlite3.connect(sqlite_path, isolation_level=None)) as other:
        other.execute("begin immediate")
        once = commit(Move(1, 0, 10), state=b"a")
        with pytest.raises(Unavailable, match="locked"):
            store.commit(once)
        other.execute("rollback")
    assert offset(sqlite_path) == 0
    store.commit(once)
    assert offset(sqlite_path) == 10
    store.close()


def test_a_file_that_is_away_is_unavailable_until_it_is_back(
    sqlite_path: Path,
) -> None:
    store = owning_store(f"sqlite:///{sqlite_path}")
    away = sqlite_path.with_name("away")
    sqlite_path.rename(away)
    once = commit(Move(1, 0, 10), state=b"a")
    with pytest.raises(Unavailable, match="cannot be reached"):
        store.commit(once)
    assert not sqlite_path.exists()
    away.rename(sqlite_path)
    store.commit(once)
    assert store.load(SOURCE, 0, WINDOW).deltas == (b"a",)
    store.close()


def test_a_file_that_was_replaced_has_no_owner(sqlite_path: Path) -> None:
    store = owning_store(f"sqlite:///{sqlite_path}")
    with closing(sqlite3.connect(sqlite_path)) as copied:
        other = sqlite_path.with_name("other")
        copied.execute("vacuum into ?", (str(other),))
    with closing(sqlite3.connect(other)) as emptied, emptied:
        emptied.execute("delete from stream_partitions")
    for part in sqlite_path.parent.glob("stream.sqlite*"):
        part.unlink()
    other.rename(sqlite_path)
    with pytest.raises(Fenced):
        store.commit(commit(Move(1, 0, 10)))
    store.close()


def test_a_full_disk_stops_clearly_and_leaves_nothing_half_written(
    sqlite_path: Path,
) -> None:
    store = owning_store(f"sqlite:///{sqlite_path}")
    store.commit(commit(Move(1, 0, 1), state=b"a"))
    limit_pages(store)
    rows = blob(0, [("a", 0, 1, 5)])
    with pytest.raises(DiskFull, match="cannot grow"):
        store.commit(commit(Move(1, 1, 2), state=bytes(1 << 20), results=[rows]))
    assert store.load(SOURCE, 0, WINDOW).deltas == (b"a",)
    store.close()
    assert offset(sqlite_path) == 1
    with closing(sqlite3.connect(sqlite_path)) as reading:
        found = reading.execute("select count(*) from stream_results").fetchall()
    assert found == [(0,)]


def limit_pages(store: CheckpointStore) -> None:
    """Let the database of a store not grow."""
    connection = store._database._connection
    assert connection is not None
    cursor = connection.cursor()
    cursor.execute("pragma page_count")
    ((pages,),) = cursor.fetchall()
    cursor.execute(f"pragma max_page_count = {pages}")
    cursor.close()


def test_a_damaged_file_is_not_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "stream.sqlite"
    path.write_bytes(b"not a database, but long enough to look at" * 100)
    store = CheckpointStore.open(f"sqlite:///{path}")
    with pytest.raises(StateUnusable, match="not a database"):
        store.claim(SOURCE, [0], owner="worker-1", now_ms=1)
    store.close()


@contextmanager
def lost_answer(database_: Database) -> Iterator[Transaction]:
    """A transaction that comes through while its answer does not."""
    with Database.transaction(database_) as transaction:
        yield transaction
    raise Unavailable("The connection broke.", hint="")


def test_a_commit_whose_answer_was_lost_is_written_once(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = owning_store(url)
    once = commit(Move(1, 0, 10), state=b"a")
    with monkeypatch.context() as patched:
        patched.setattr(
            store._database, "transaction", lambda: lost_answer(store._database)
        )
        with pytest.raises(Unavailable):
            store.commit(once)
    assert store.commit(once).sequences == {0: 1}
    assert store.load(SOURCE, 0, WINDOW).deltas == (b"a",)
    store.commit(commit(Move(1, 10, 20), state=b"b"))
    assert store.load(SOURCE, 0, WINDOW).deltas == (b"a", b"b")
    store.close()


def test_a_commit_whose_answer_was_lost_may_be_fenced_afterwards(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = owning_store(url)
    once = commit(Move(1, 0, 10), state=b"a")
    with monkeypatch.context() as patched:
        patched.setattr(
            store._database, "transaction", lambda: lost_answer(store._database)
        )
        with pytest.raises(Unavailable):
            store.commit(once)
    other = owning_store(url, owner="worker-2")
    with pytest.raises(Fenced):
        store.commit(once)
    assert other.load(SOURCE, 0, WINDOW).deltas == (b"a",)
    store.close()
    other.close()


def test_another_commit_after_a_lost_answer_is_fenced(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = owning_store(url)
    with monkeypatch.context() as patched:
        patched.setattr(
            store._database, "transaction", lambda: lost_answer(store._database)
        )
        with pytest.raises(Unavailable):
            store.commit(commit(Move(1, 0, 10), state=b"a"))
    with pytest.raises(Fenced):
        store.commit(commit(Move(1, 0, 10), state=b"another"))
    store.close()


@pytest.mark.system
def test_a_server_that_dropped_the_connection_is_unavailable_once(
    postgres_database: str,
) -> None:
    migrate(postgres_database)
    store = owning_store(postgres_database)
    once = commit(Move(1, 0, 10), state=b"a")
    drop_connections(postgres_database)
    with pytest.raises(Unavailable) as caught:
        store.commit(once)
    assert "ANALYTICS_STREAMING__STATE" in caught.value.hint
    store.commit(once)
    assert store.load(SOURCE, 0, WINDOW).deltas == (b"a",)
    store.close()


def drop_connections(url: str) -> None:
    """End every other session in the database."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )
        )
    engine.dispose()


def test_a_server_that_is_not_there_is_unavailable() -> None:
    store = CheckpointStore.open("postgresql+psycopg2://nobody:secret@127.0.0.1:1/no")
    with pytest.raises(Unavailable) as caught:
        store.claim(SOURCE, [0], owner="worker-1", now_ms=1)
    assert "secret" not in str(caught.value)
    store.close()
