"""Makes Dagster's SQLite files quick to write to while a run is executed here."""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import Engine, event


@contextmanager
def swift_events(storage: Path) -> Iterator[None]:
    """Spare each event under `storage` its waits for the disk.

    Dagster opens and closes its files for every event. SQLite then writes the whole log
    back and waits for the disk at each close, and once more at each commit. Here one
    more connection to each file stays open, and a commit does not wait: a killed
    process loses nothing, a machine without power the last events, never the file.
    """
    with ExitStack() as held:
        files: set[str] = set()

        def opened(connection: object, _record: object) -> None:
            if not isinstance(connection, sqlite3.Connection):
                return
            path = _file(connection)
            if not path or not Path(path).is_relative_to(storage):
                return
            connection.execute("pragma synchronous = normal")
            if path not in files and _mode(connection) == "wal":
                files.add(path)
                held.callback(_kept_open(path).close)

        event.listen(Engine, "connect", opened)
        held.callback(event.remove, Engine, "connect", opened)
        yield


def _kept_open(path: str) -> sqlite3.Connection:
    # It is closed by whichever thread ends the run.
    connection = sqlite3.connect(path, timeout=30, check_same_thread=False)
    connection.execute("select count(*) from sqlite_master").fetchone()
    return connection


def _file(connection: sqlite3.Connection) -> str:
    return str(connection.execute("pragma database_list").fetchone()[2])


def _mode(connection: sqlite3.Connection) -> str:
    return str(connection.execute("pragma journal_mode").fetchone()[0])
