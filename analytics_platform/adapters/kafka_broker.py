"""A real Apache Kafka node (KRaft) on loopback, of the jars that `make kafka` gets."""

import os
import secrets
import shutil
import socket
import subprocess
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from pathlib import Path

from analytics_platform.adapters.durable_files import write_atomically
from analytics_platform.errors import NotFound, Unavailable
from analytics_platform.observability import get_logger

log = get_logger(__name__)

COMMAND = "make kafka"
_START_SECONDS = 90.0
_STOP_SECONDS = 30.0
_HOST = "127.0.0.1"
_POLL_SECONDS = 0.05
_LOG_LINES = 15
_HEAP = "-Xmx512m"
# Half the processor time to start, and slower when it is warm: for short lives.
QUICK_START = ("-Xmx384m", "-XX:TieredStopAtLevel=1")

# One node for itself: single replicas, no wait for members that might still come.
PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "auto.create.topics.enable": "false",
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    # A killed node may register again once its old session is over.
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
    "log.cleaner.dedupe.buffer.size": str(16 << 20),
}


@dataclass(frozen=True)
class Assembly:
    """What a node is started with: a Java runtime and Kafka's jars."""

    java: str
    jars: Path

    @property
    def version(self) -> str:
        """Kafka's version."""
        return self.jars.parent.name


def find_assembly(folder: Path) -> Assembly:
    """The newest complete assembly in `folder`, and this machine's Java.

    Raises:
        NotFound: Java or the jars are missing; says which.
    """
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin" if home else None)
    versions = sorted(folder.absolute().glob("[0-9]*/jars"), key=_version_key)
    missing = [] if java else ["a Java runtime, version 17 or newer"]
    missing += [] if versions else [f"Kafka's jars in {folder}"]
    if java is None or missing:
        raise NotFound(f"Missing: {' and '.join(missing)}.", hint=f"Run `{COMMAND}`.")
    return Assembly(java, versions[-1])


class KafkaBroker:
    """One node as a child process; its data, properties and log are in `folder`."""

    def __init__(
        self,
        assembly: Assembly,
        folder: Path,
        *,
        port: int,
        java_options: tuple[str, ...] = (_HEAP,),
    ) -> None:
        self._assembly = assembly
        self._folder = folder
        self._port = port
        self._java_options = java_options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """The address that clients connect to."""
        return f"{_HOST}:{self._port}"

    @property
    def log_file(self) -> Path:
        """What the node says."""
        return self._folder / "kafka.log"

    @property
    def pid(self) -> int | None:
        """The process id; None when it does not run."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if running and self._process else None

    def prepare(self) -> list[str]:
        """Write the properties, make the store when it is new; gives the command."""
        properties = self._write_properties()
        if not (self._data / "meta.properties").exists():
            cluster = urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
            # A leading hyphen would be read as an option.
            cluster = cluster.replace("-", "A")
            tool = ["kafka.tools.StorageTool", "format", "-c", str(properties)]
            self._run_tool([*self._java(QUICK_START), *tool, "-t", cluster])
        return [*self._java(self._java_options), "kafka.Kafka", str(properties)]

    def start(self) -> None:
        """Start the node and wait until it serves.

        Raises:
            Unavailable: it ended or did not serve in time; shows its last lines.
        """
        command = self.prepare()
        with self.log_file.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                start_new_session=True,  # a terminal's Ctrl-C is its owner's to pass on
            )
        self.wait_until_ready()
        log.info("kafka_started", bootstrap=self.bootstrap, pid=self.pid)

    def wait_until_ready(self) -> None:
        """Wait until the node serves; as for `start`."""
        deadline = time.monotonic() + _START_SECONDS
        while not _listens(self._port):
            if self.pid is None:
                raise self._unavailable("ended")
            if time.monotonic() > deadline:
                self.kill()
                raise self._unavailable(f"did not serve within {_START_SECONDS:.0f} s")
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """Let the node end in good order; kill it when that takes too long."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the node without warning, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _java(self, options: tuple[str, ...]) -> list[str]:
        return [
            self._assembly.java,
            *(*options, "-XX:+UseSerialGC", "-Djava.awt.headless=true"),
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            *("-cp", f"{self._assembly.jars}/*"),
        ]

    def _write_properties(self) -> Path:
        controller = f"{_HOST}:{free_port()}"
        own = {
            "controller.quorum.voters": f"1@{controller}",
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
            "log.dirs": str(self._data),
        }
        lines = [f"{key}={value}" for key, value in (PROPERTIES | own).items()]
        path = self._folder / "server.properties"
        write_atomically(path, "\n".join([*lines, ""]).encode())
        return path

    def _run_tool(self, command: list[str]) -> None:
        self._data.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as output:
            done = subprocess.run(  # noqa: S603 - our own command
                command, stdout=output, stderr=subprocess.STDOUT, check=False
            )
        if done.returncode != 0:
            raise self._unavailable("could not make its store")

    def _unavailable(self, what: str) -> Unavailable:
        lines = self.log_file.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        return Unavailable(
            f"Kafka {what}:\n" + "\n".join(lines), hint=f"See {self.log_file}."
        )


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.create_server((_HOST, 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    """Whether it serves: a node opens its port once it is ready."""
    try:
        socket.create_connection((_HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def _version_key(jars: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in jars.parent.name.split(".") if part.isdigit())
