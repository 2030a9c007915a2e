"""A real PostgreSQL for tests: Debian's own, on a free loopback port, then gone."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_BINARIES = Path("/usr/lib/postgresql")
_START_SECONDS = 60


class Postgres:
    """A server of its own, empty at first; it can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self._binaries, self._data = _find_binaries(), folder / "data"
        self._account = _account(folder)
        _initialise(self._binaries, self._data, self._account)
        self._port = _free_port()
        self.url = f"postgresql+psycopg2://postgres@127.0.0.1:{self._port}/postgres"
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._server = _start(self._binaries, self._data, self._port, self._account)
        _wait(self._binaries, self._port, self._server)

    def stop(self) -> None:
        """End it, whoever is connected."""
        self._server.send_signal(signal.SIGINT)
        self._server.wait(_START_SECONDS)


@contextmanager
def stoppable_postgres() -> Iterator[Postgres]:
    """A server that a test stops and starts; none is left at the end."""
    folder = Path(tempfile.mkdtemp(prefix="analytics-postgres-"))
    try:
        server = Postgres(folder)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_postgres() -> Iterator[str]:
    """A new, empty server; gives the SQLAlchemy URL of its database `postgres`."""
    with stoppable_postgres() as server:
        yield server.url


def _find_binaries() -> Path:
    found = sorted(_BINARIES.glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    if not found:
        raise FileNotFoundError(
            "PostgreSQL is not installed: `apt-get install postgresql` "
            "(`make test-system` does it when run as root)."
        )
    return found[-1].parent


def _account(folder: Path) -> str | None:
    """The account to run as: PostgreSQL refuses root, and owns its folder."""
    if os.geteuid() != 0:
        return None
    owner = pwd.getpwnam("postgres")
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    return "postgres"


def _initialise(binaries: Path, data: Path, account: str | None) -> None:
    subprocess.run(
        [
            str(binaries / "initdb"),
            *("-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8"),
            *("--locale", "C.UTF-8", "--no-sync"),
        ],
        check=True,
        user=account,
        cwd=data.parent,
        stdout=subprocess.DEVNULL,
    )


def _start(
    binaries: Path, data: Path, port: int, account: str | None
) -> "subprocess.Popen[bytes]":
    log = (data.parent / "server.log").open("wb")
    with log:
        return subprocess.Popen(
            [
                str(binaries / "postgres"),
                *("-D", str(data), "-p", str(port), "-h", "127.0.0.1"),
                *("-c", f"unix_socket_directories={data.parent}"),
                *("-c", "fsync=off", "-c", "max_connections=200"),
            ],
            user=account,
            cwd=data.parent,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def _wait(binaries: Path, port: int, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _START_SECONDS
    asks = [str(binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    while subprocess.run(asks, check=False).returncode != 0:
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("PostgreSQL did not start")
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def new_database(server_url: str) -> Iterator[str]:
    """An empty database of the server, dropped afterwards; gives its URL."""
    from sqlalchemy import create_engine, make_url, text

    name = f"test_{secrets.token_hex(6)}"
    engine = create_engine(server_url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(f"create database {name}"))
        url = make_url(server_url).set(database=name)
        yield url.render_as_string(hide_password=False)
        with engine.connect() as connection:
            connection.execute(text(f"drop database {name} with (force)"))
    finally:
        engine.dispose()
