"""A topic of readings on a real broker, and the sidecars that work on it."""

import json
import shutil
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from analytics_platform.adapters.brokers import Broker
from analytics_platform.adapters.topic import OutgoingRecord, Topics, TopicWriter
from analytics_platform.adapters.topic_reading import TopicRecord, read_ranges
from analytics_platform.errors import NotFound
from tests.domains import readings as domain
from tests.support.commands import ROOT, Command, Commands
from tests.support.readings import (
    Found,
    Reading,
    expected,
    last_readings,
    readings,
    stored,
)

_STALL_SECONDS = "20"
_ARRIVE_SECONDS = 90.0  # a broker may be restarting


@dataclass
class LiveTopic:
    """A new topic, the home of its sidecars, and what was sent.

    Their state is in `database` (a SQLAlchemy URL), or in the home.
    """

    broker: Broker
    home: Path
    database: str | None = None
    topic: str = field(default_factory=lambda: f"readings-{uuid.uuid4().hex[:8]}")
    sent: list[list[Reading]] = field(
        default_factory=lambda: [[] for _ in range(domain.PARTITIONS)]
    )
    _next: int = 0

    def __post_init__(self) -> None:
        """Create it, and nothing else: the sidecar makes what it writes to."""
        Topics(self.broker).create(self.topic, domain.PARTITIONS)
        self.writer = TopicWriter(self.broker)

    @property
    def control_store_url(self) -> str:
        """The control store of the home."""
        return f"sqlite:///{self.home / 'control.sqlite'}"

    def send(self, seed: int, count: int, *, wait: bool = True) -> None:
        """Go on with so many readings; maybe wait until the broker has them."""
        self._send(readings(seed, count, first=self._next))
        self._next += count
        if wait:
            self.writer.flush(_ARRIVE_SECONDS)

    def end(self) -> None:
        """Close every window."""
        self._send(last_readings())
        self.writer.flush(_ARRIVE_SECONDS)

    def close(self) -> None:
        """Write no more."""
        self.writer.close()

    def variables(self, **variables: str) -> dict[str, str]:
        """The environment of a member of the topic's group."""
        return {
            "ANALYTICS_HOME": str(self.home),
            "ANALYTICS_DOMAIN": "tests.domains.readings",
            "ANALYTICS_STREAMING__BROKERS": self.broker.bootstrap,
            "ANALYTICS_STREAMING__GROUP": f"group-{self.topic}",
            "ANALYTICS_STREAMING__STATE": self.state,
            "ANALYTICS_STREAMING__STALL_SECONDS": _STALL_SECONDS,
            "ANALYTICS_PORTS__SIDECAR": str(free_port()),
            "ANALYTICS_LOGS__FORMAT": "json",
            "TEST_READINGS_TOPIC": self.topic,
            "PYTHONPATH": str(ROOT),
            **variables,
        }

    @contextmanager
    def sidecar(self, **variables: str) -> Iterator[Command]:
        """A sidecar at work, killed at the end if it still runs."""
        commands = Commands(self.home, self.variables(**variables))
        with commands.started("sidecar") as command:
            yield command

    @property
    def state(self) -> str:
        """The URL of the state database."""
        return self.database or f"sqlite:///{self.home / 'stream.sqlite'}"

    def reference(self) -> Found:
        """What must be found, of what was sent."""
        return expected(self.sent)

    def found(self) -> Found:
        """What sidecars have committed; nothing before one declared its windows."""
        try:
            return stored(self.state)
        except NotFound:
            return Found()

    def outputs(self, kind: str = "results") -> list[TopicRecord]:
        """Everything in a topic that sidecars write to."""
        return self.records(f"{self.topic}.{kind}")

    def records(self, topic: str) -> list[TopicRecord]:
        """Everything in a topic, each partition's in order."""
        bounds = Topics(self.broker).bounds(topic)
        return [one for some in read_ranges(self.broker, topic, bounds) for one in some]

    def _send(self, some: Iterator[Reading]) -> None:
        for one in some:
            record = OutgoingRecord(
                one.value, one.sensor.encode(), partition=one.partition
            )
            self.writer.send(self.topic, record)
            self.sent[one.partition].append(one)


def given(text: str) -> list[list[int]]:
    """The partitions that a sidecar was given, each time, by what it wrote."""
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [
        sorted(int(name.rpartition("-")[2]) for name in one["starts"])
        for one in lines
        if one.get("event") == "partitions_assigned"
    ]


def has_ended(command: Command) -> Callable[[], bool]:
    """Says whether it has."""
    return lambda: command.process.poll() is not None


def is_at_work(command: Command) -> bool:
    """Whether it has been given partitions."""
    return "partitions_assigned" in command.text


def have_all(
    topic: LiveTopic, is_over: Callable[[], bool], *, seconds: float = 300
) -> Found:
    """What was committed, as soon as it is what must be found.

    When it is over, or after the time, whatever there is.
    """
    wanted, deadline = topic.reference(), time.monotonic() + seconds
    while (found := topic.found()) != wanted:
        if is_over() or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    return found


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def copied_home(made: Path, folder: Path) -> Path:
    """A stream home of its own; compiled kernels are shared."""
    shutil.copytree(made, folder, symlinks=True)
    return folder
