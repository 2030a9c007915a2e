"""Which broker the platform uses, what that one cannot do, and how to start it."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from analytics_platform.adapters import kafka_broker
from analytics_platform.adapters.durable_files import write_atomically
from analytics_platform.adapters.embedded_broker import (
    PARTITION_BYTES,
    EmbeddedAddress,
    EmbeddedBroker,
    serve,
)
from analytics_platform.adapters.kafka_broker import KafkaBroker, find_assembly
from analytics_platform.adapters.processes import (
    ProcessId,
    identify,
    is_alive,
    port_owner,
)
from analytics_platform.errors import Conflict, InvalidUsage, NotFound, Unavailable
from analytics_platform.settings import Settings

GET_THE_REAL_ONE = kafka_broker.COMMAND
START = "analytics broker run"
_READY_SECONDS = 60.0
_POLL_SECONDS = 0.1


class BrokerKind(StrEnum):
    """Where a broker comes from, in the order of preference."""

    CONFIGURED = "configured"
    ASSEMBLED = "assembled"
    EMBEDDED = "embedded"


# What a Kafka cluster can do and the embedded broker cannot.
EMBEDDED_LIMITS = (
    (
        "A consumer group has one member: no second process shares the work, and no "
        "rebalance can be shown."
    ),
    "Records of transactions cannot be written or hidden.",
    "Reading cannot start at a time, only at an offset.",
    (
        "Its topics end with its process; a new start is a new cluster, whose streams "
        "begin with new state."
    ),
    (
        f"A partition keeps the newest {PARTITION_BYTES >> 20} MiB; older records "
        "vanish without an error."
    ),
)


@dataclass(frozen=True)
class Broker:
    """A broker to connect to."""

    kind: BrokerKind
    bootstrap: str
    embedded: EmbeddedAddress | None = None

    @classmethod
    def configured(cls, bootstrap: str) -> "Broker":
        """A cluster that somebody else runs."""
        return cls(BrokerKind.CONFIGURED, bootstrap)

    @property
    def partition_bytes(self) -> int | None:
        """What a partition keeps at most before it loses records; None: no such cap."""
        return PARTITION_BYTES if self.kind is BrokerKind.EMBEDDED else None

    @property
    def limits(self) -> tuple[str, ...]:
        """What it cannot do, one sentence each."""
        return EMBEDDED_LIMITS if self.embedded else ()

    @property
    def advice(self) -> str | None:
        """The command that gets a broker without the limits, if there are any."""
        return GET_THE_REAL_ONE if self.limits else None


def chosen_kind(settings: Settings) -> BrokerKind:
    """Configured, else assembled where Java and the jars are there, else embedded."""
    if settings.streaming.brokers:
        return BrokerKind.CONFIGURED
    try:
        find_assembly(settings.streaming.kafka)
    except NotFound:
        return BrokerKind.EMBEDDED
    return BrokerKind.ASSEMBLED


def find_broker(settings: Settings) -> Broker:
    """The configured broker, or the one that runs in this home.

    Raises:
        NotFound: none is configured and none runs.
    """
    running = _running(settings)
    if running is None:
        raise NotFound(
            "No broker is configured, and none runs in this home.",
            hint=f"Start one with `{START}`, or set ANALYTICS_STREAMING__BROKERS.",
        )
    return running


def await_broker(settings: Settings, *, seconds: float = _READY_SECONDS) -> Broker:
    """The broker of `find_broker`, as soon as there is one and it answers.

    Raises:
        NotFound, Unavailable: not within this time.
    """
    deadline = time.monotonic() + seconds
    while (found := _running(settings)) is None:
        if time.monotonic() > deadline:
            return find_broker(settings)
        time.sleep(_POLL_SECONDS)
    wait_until_ready(found, seconds=deadline - time.monotonic())
    return found


@contextmanager
def running_broker(settings: Settings) -> Iterator[Broker]:
    """The broker of `find_broker`; starts one for as long as it is needed if none is.

    Raises:
        Unavailable: it did not start.
    """
    running = _running(settings)
    if running is not None:
        yield running
        return
    if chosen_kind(settings) is BrokerKind.EMBEDDED:
        embedded = EmbeddedBroker(_folder(settings))
        try:
            address = embedded.start()
            yield Broker(BrokerKind.EMBEDDED, address.bootstrap, address)
        finally:
            embedded.stop()
        return
    node = _node(settings)
    try:
        node.start()
        if node.pid:
            _write_address(settings, node, node.pid)
        yield Broker(BrokerKind.ASSEMBLED, node.bootstrap)
    finally:
        node.stop()


def run_broker(settings: Settings) -> None:
    """Become the broker: this process is it until it ends.

    Raises:
        InvalidUsage: a broker is configured, so there is nothing to run.
        Conflict: one runs already, or its port is taken.
    """
    kind = chosen_kind(settings)
    if kind is BrokerKind.CONFIGURED:
        raise InvalidUsage(
            f"The broker is configured: {settings.streaming.brokers}.",
            hint="Unset ANALYTICS_STREAMING__BROKERS to run one here.",
        )
    running = _running(settings)
    if running is not None:
        raise Conflict(
            f"A broker runs in this home already: {running.bootstrap}.",
            hint="Use that one, or end it first.",
        )
    if kind is BrokerKind.EMBEDDED:
        serve(_embedded_file(settings))
    node = _node(settings)
    command = node.prepare()
    _write_address(settings, node, os.getpid())
    os.execv(command[0], command)  # noqa: S606 - our own command; keeps the process id


def wait_until_ready(broker: Broker, *, seconds: float = _READY_SECONDS) -> None:
    """Wait until the broker answers.

    Raises:
        Unavailable: it did not within this time.
    """
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    quiet = {"log_level": 0, "socket.connection.setup.timeout.ms": 2000}
    client = AdminClient({"bootstrap.servers": broker.bootstrap, **quiet})
    deadline = time.monotonic() + seconds
    while True:
        try:
            client.list_topics(timeout=1)
        except KafkaException as error:
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"The broker {broker.bootstrap} does not answer.",
                    hint="Look at its log, or at ANALYTICS_STREAMING__BROKERS.",
                ) from error
        else:
            return


def _running(settings: Settings) -> Broker | None:
    if settings.streaming.brokers:
        return Broker.configured(settings.streaming.brokers)
    embedded = EmbeddedAddress.read(_embedded_file(settings))
    if embedded is not None:
        return Broker(BrokerKind.EMBEDDED, embedded.bootstrap, embedded)
    bootstrap = _assembled_address(settings)
    return Broker(BrokerKind.ASSEMBLED, bootstrap) if bootstrap else None


def _folder(settings: Settings) -> Path:
    return settings.home / "kafka"


def _embedded_file(settings: Settings) -> Path:
    return _folder(settings) / "embedded.json"


def _node(settings: Settings) -> KafkaBroker:
    port = settings.ports.kafka
    if owner := port_owner(port):
        raise Conflict(
            f"Port {port} is taken by {owner}.",
            hint="End it, or set ANALYTICS_PORTS__KAFKA.",
        )
    folder = _folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    return KafkaBroker(find_assembly(settings.streaming.kafka), folder, port=port)


def _write_address(settings: Settings, node: KafkaBroker, pid: int) -> None:
    process = identify(pid)
    if process is not None:
        told = {"bootstrap": node.bootstrap, "process": asdict(process)}
        write_atomically(_assembled_file(settings), json.dumps(told).encode())


def _assembled_file(settings: Settings) -> Path:
    return _folder(settings) / "node.json"


def _assembled_address(settings: Settings) -> str | None:
    try:
        told = json.loads(_assembled_file(settings).read_text())
    except FileNotFoundError:
        return None
    process = ProcessId(**told["process"])
    return str(told["bootstrap"]) if is_alive(process) else None
