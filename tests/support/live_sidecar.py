"""A topic of readings on a real broker, and the sidecars that work on it."""

import json
import os
import random
import shutil
import signal
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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


@dataclass
class LiveTopic:
    """A new topic, the home of its sidecars, and what was sent."""

    broker: Broker
    home: Path
    topic: str = field(default_factory=lambda: f"readings-{uuid.uuid4().hex[:8]}")
    sent: list[list[Reading]] = field(
        default_factory=lambda: [[] for _ in range(domain.PARTITIONS)]
    )
    _next: int = 0

    def __post_init__(self) -> None:
        """Create it, and nothing else: the sidecar makes what it writes to."""
        Topics(self.broker).create(self.topic, domain.PARTITIONS)
        self.writer = TopicWriter(self.broker)

    def send(self, seed: int, count: int) -> None:
        """Go on with so many readings."""
        self._send(readings(seed, count, first=self._next))
        self._next += count

    def end(self) -> None:
        """Close every window."""
        self._send(last_readings())

    def commands(self, **variables: str) -> Commands:
        """The `analytics` command, for a member of the topic's group."""
        return Commands(
            self.home,
            {
                "ANALYTICS_DOMAIN": "tests.domains.readings",
                "ANALYTICS_STREAMING__BROKERS": self.broker.bootstrap,
                "ANALYTICS_STREAMING__GROUP": f"group-{self.topic}",
                "ANALYTICS_STREAMING__STALL_SECONDS": _STALL_SECONDS,
                "ANALYTICS_PORTS__SIDECAR": str(free_port()),
                "ANALYTICS_LOGS__FORMAT": "json",
                "TEST_READINGS_TOPIC": self.topic,
                "PYTHONPATH": str(ROOT),
                **variables,
            },
        )

    @contextmanager
    def sidecar(self, **variables: str) -> Iterator[Command]:
        """A sidecar at work, killed at the end if it still runs."""
        with self.commands(**variables).started("sidecar") as command:
            yield command

    def reference(self) -> Found:
        """What must be found, of what the broker has."""
        return expected(self.sent)

    def found(self) -> Found:
        """What sidecars have committed."""
        return stored(f"sqlite:///{self.home / 'stream.sqlite'}")

    def outputs(self, kind: str = "results") -> list[TopicRecord]:
        """Everything in a topic that sidecars write to."""
        name = f"{self.topic}.{kind}"
        bounds = Topics(self.broker).bounds(name)
        return [one for part in read_ranges(self.broker, name, bounds) for one in part]

    def assert_each_result_has_one_value(self) -> None:
        """However often a result was sent, it says the same; the last one is right."""
        said: dict[tuple[object, ...], bytes | None] = {}
        for one in self.outputs():
            read = json.loads(one.value or b"{}")
            name = tuple(read.get(f) for f in ("window", "key", "start_ms", "end_ms"))
            revision = (read["kind"], *name, read.get("revision"))
            if read["kind"] == "window":
                assert said.setdefault(revision, one.value) == one.value

    def _send(self, some: Iterator[Reading]) -> None:
        for one in some:
            record = OutgoingRecord(
                one.value, one.sensor.encode(), partition=one.partition
            )
            self.writer.send(self.topic, record)
            self.sent[one.partition].append(one)
        self.writer.flush()


def is_at_work(command: Command) -> bool:
    """Whether it has been given partitions."""
    return "partitions_assigned" in command.text


def have_all(topic: LiveTopic, *commands: Command, seconds: float = 60) -> Found:
    """What was committed, as soon as it is what must be found.

    After the time, or when a sidecar ends, whatever there is.
    """
    wanted, deadline = topic.reference(), time.monotonic() + seconds
    found = Found()
    while time.monotonic() < deadline:
        try:
            found = topic.found()
        except NotFound:  # no sidecar has declared its windows yet
            found = Found()
        ended = [one for one in commands if one.process.poll() is not None]
        if found == wanted or ended:
            break
        time.sleep(0.1)
    return found


def killed_again_and_again(topic: LiveTopic, seed: int, kills: int) -> Found:
    """What is found when sidecars were killed at random moments while events came."""
    chance = random.Random(seed)  # noqa: S311 - moments
    for _ in range(kills):
        with topic.sidecar() as command:
            command.wait_for(lambda: is_at_work(command), 60)
            deadline = time.monotonic() + chance.random() * 1.5
            while time.monotonic() < deadline:
                topic.send(chance.randrange(2**31), chance.randrange(50, 400))
                time.sleep(chance.random() * 0.05)
            os.kill(command.process.pid, signal.SIGKILL)
    topic.send(seed, 500)
    topic.end()
    with ExitStack() as stack:
        return have_all(topic, stack.enter_context(topic.sidecar()))


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def copied_home(made: Path, folder: Path) -> Path:
    """A stream home of its own; compiled kernels are shared."""
    shutil.copytree(made, folder, symlinks=True)
    return folder
