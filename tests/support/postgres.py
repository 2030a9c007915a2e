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


@contextmanager
def running_postgres() -> Iterator[str]:
    """A new, empty server; gives the SQLAlchemy URL of its database `postgres`."""
    binaries = _find_binaries()
    folder = Path(tempfile.mkdtemp(prefix="analytics-postgres-"))
    try:
        account = _account(folder)
        data = folder / "data"
        _initialise(binaries, data, account)
        port = _free_port()
        server = _start(binaries, data, port, account)
        try:
            _wait(binaries, port, server)
            yield f"postgresql+psycopg2://postgres@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)  # does not wait for clients
            server.wait(_START_SECONDS)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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
