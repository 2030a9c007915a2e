"""librdkafka's broker for tests as a process of its own: no Java, and several limits.

It lies in confluent-kafka's wheel; the wheel's `rdkafka_mock.h` describes the calls.
"""

import argparse
import ctypes
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from analytics_platform.adapters.durable_files import write_atomically
from analytics_platform.adapters.processes import ProcessId, identify, is_alive
from analytics_platform.errors import PlatformError, Unavailable

PARTITION_BYTES = 5 << 20  # RD_KAFKA_MOCK: older records vanish without an error
_HOST = "127.0.0.1"
_PRODUCER = 0  # RD_KAFKA_PRODUCER: any client can host the broker
_REQUEST_BYTES = 4096
_START_SECONDS = 20.0
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class EmbeddedAddress:
    """Where a running embedded broker is; `cluster` is new at each start."""

    bootstrap: str
    control_port: int
    cluster: str
    process: ProcessId

    @classmethod
    def read(cls, file: Path) -> "EmbeddedAddress | None":
        """What the file says, if that process still runs."""
        try:
            told = json.loads(file.read_text())
        except FileNotFoundError:
            return None
        address = cls(**(told | {"process": ProcessId(**told["process"])}))
        return address if is_alive(address.process) else None

    def create_topic(self, name: str, partitions: int) -> None:
        """Create a topic; clients cannot, because the broker lacks that request.

        Raises:
            Unavailable: the broker did not answer.
            PlatformError: the broker refused, because the topic exists for instance.
        """
        request = json.dumps({"topic": name, "partitions": partitions}) + "\n"
        try:
            with socket.create_connection((_HOST, self.control_port), 10) as line:
                line.sendall(request.encode())
                answer = line.makefile().readline()
        except OSError as error:
            raise Unavailable(
                f"The embedded broker did not answer ({error}).", hint="Start it again."
            ) from error
        if answer != "ok\n":
            raise PlatformError(
                f"The embedded broker did not create {name}: {answer.strip()}.",
                hint="Its topics live as long as its process.",
            )


class EmbeddedBroker:
    """The broker as a child process whose address is in `folder`/embedded.json."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "embedded.json"
        self._log = folder / "embedded.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> EmbeddedAddress:
        """Start it and wait for its address.

        Raises:
            Unavailable: it ended or gave no address in time.
        """
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                command(self._file),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_SECONDS
        while (address := EmbeddedAddress.read(self._file)) is None:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                problem = self._log.read_text(errors="replace")[-500:]
                raise Unavailable(
                    f"The embedded broker did not start: {problem}",
                    hint=f"See {self._log}.",
                )
            time.sleep(_POLL_SECONDS)
        return address

    def stop(self) -> None:
        """End it; its topics are gone with it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def command(file: Path) -> list[str]:
    """What starts the broker as a process that writes its address to `file`."""
    return [sys.executable, "-m", __name__, str(file)]


def serve(file: Path) -> None:
    """Be the broker until the process is told to end."""
    cluster = _Cluster()
    server = socket.create_server((_HOST, 0))
    own = identify(os.getpid())
    if own is None:
        raise PlatformError("This process is not listed.", hint="Is /proc mounted?")
    address = EmbeddedAddress(
        bootstrap=cluster.bootstrap,
        control_port=server.getsockname()[1],
        cluster=f"embedded-{secrets.token_hex(8)}",
        process=own,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))  # nothing is kept
    threading.Thread(target=_answer, args=(server, cluster), daemon=True).start()
    write_atomically(file, json.dumps(asdict(address)).encode())
    while True:
        signal.pause()


class _Cluster:
    """The C library's cluster of one broker."""

    def __init__(self) -> None:
        library = ctypes.CDLL(str(_library()))
        pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
        library.rd_kafka_conf_new.restype = pointer
        library.rd_kafka_new.restype = pointer
        library.rd_kafka_new.argtypes = [number, pointer, text, ctypes.c_size_t]
        library.rd_kafka_mock_cluster_new.restype = pointer
        library.rd_kafka_mock_cluster_new.argtypes = [pointer, number]
        library.rd_kafka_mock_cluster_bootstraps.restype = text
        library.rd_kafka_mock_cluster_bootstraps.argtypes = [pointer]
        library.rd_kafka_mock_group_initial_rebalance_delay_ms.argtypes = [
            pointer,
            ctypes.c_int32,
        ]
        create = library.rd_kafka_mock_topic_create
        create.argtypes = [pointer, text, number, number]
        problem = ctypes.create_string_buffer(512)
        host = library.rd_kafka_new(
            _PRODUCER, library.rd_kafka_conf_new(), problem, len(problem)
        )
        if not host:
            raise PlatformError(problem.value.decode(), hint="Reinstall the wheel.")
        self._cluster = library.rd_kafka_mock_cluster_new(host, 1)
        library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)
        self._create = create
        found = library.rd_kafka_mock_cluster_bootstraps(self._cluster)
        self.bootstrap = found.decode()

    def create_topic(self, name: str, partitions: int) -> int:
        """Create a topic; gives librdkafka's error code, 0 when it is there."""
        code: int = self._create(self._cluster, name.encode(), partitions, 1)
        return code


def _answer(server: socket.socket, cluster: _Cluster) -> None:
    while True:
        line, _ = server.accept()
        with line:
            line.settimeout(5)
            try:
                asked = json.loads(line.makefile().readline(_REQUEST_BYTES))
                code = cluster.create_topic(asked["topic"], int(asked["partitions"]))
                line.sendall(b"ok\n" if code == 0 else f"error {code}\n".encode())
            except (OSError, ValueError, KeyError, TypeError):
                continue  # whoever asked gets no answer


def _library() -> Path:
    """The C library in the installed wheel, on Linux or macOS."""
    import confluent_kafka

    package = Path(confluent_kafka.__file__).parent
    for folder in (package.parent / "confluent_kafka.libs", package / ".dylibs"):
        found = sorted(folder.glob("librdkafka*"))
        if found:
            return found[0]
    raise PlatformError(
        "confluent-kafka was installed without its own librdkafka.",
        hint="Install its wheel, or configure a broker.",
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    serve(parser.parse_args().file)
