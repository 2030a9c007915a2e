"""Two sidecars over PostgreSQL and Redis: clients of either are shown everything."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Set
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from analytics_platform.adapters.brokers import Broker
from analytics_platform.adapters.control_store.migrations import migrate
from analytics_platform.adapters.kafka_broker import KafkaBroker
from tests.domains import readings as domain
from tests.support.access import stored_key
from tests.support.forked_sidecars import Forked, Forks, forks
from tests.support.live_checks import differences
from tests.support.live_sidecar import LiveTopic, copied_home, free_port, given
from tests.support.postgres import new_database, running_postgres
from tests.support.readings import Figures, Name
from tests.support.redis_server import running_redis
from tests.support.sidecar_steps import Death
from tests.support.stream_homes import make_stream_home

pytestmark = pytest.mark.system

WINDOWS, PREDICTIONS = "windows.hopping", "predictions.levels"
# One that has committed and pushed nothing of it, in the middle of the events.
DEATH = Death("committed", 12)
_QUIET_SECONDS = 2.0


@dataclass
class Heard:
    """What a client was told: the messages of each channel, by epoch and sequence."""

    said: dict[str, dict[tuple[int, int], dict[str, Any]]] = field(
        default_factory=lambda: {WINDOWS: {}, PREDICTIONS: {}}
    )

    @property
    def windows(self) -> dict[Name, Figures]:
        """What was said last of each window."""
        return {
            (one["window"], one["key"], one["start_ms"], one["end_ms"]): tuple(
                one["metrics"][name] for name in domain.METRICS
            )
            for _, one in sorted(self.said[WINDOWS].items())
        }

    @property
    def predicted(self) -> set[str]:
        """The events of which a prediction came."""
        return {one["event_id"] for one in self.said[PREDICTIONS].values()}

    def has_all(self, windows: Mapping[Name, Figures], events: Set[str]) -> bool:
        """Whether it knows all that must come."""
        return (self.windows, self.predicted) == (windows, events)

    def last(self, channel: str) -> dict[str, int] | None:
        """Where it is in a channel, if anywhere."""
        epoch, sequence = max(self.said[channel], default=(0, 0))
        return {"epoch": epoch, "sequence": sequence} if epoch else None

    async def listen(
        self, client: ClientConnection, is_enough: Callable[[], bool]
    ) -> None:
        """Take frames until it is enough."""
        while not is_enough():
            for item in json.loads(await client.recv()).get("items", ()):
                assert item["type"] == "message", item
                place = (item["epoch"], item["sequence"])
                self.said[item["channel"]][place] = item["data"]

    async def listen_on(self, client: ClientConnection) -> None:
        """Take what may come twice, for a moment."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_QUIET_SECONDS):
                await self.listen(client, lambda: False)


@dataclass(frozen=True)
class Replicas:
    """Sidecars on one topic, database and Redis."""

    topic: LiveTopic
    redis_url: str
    forks: Forks

    def start(self, port: int, death: Death | None = None) -> Forked:
        """One more."""
        variables = self.topic.variables(
            ANALYTICS_PORTS__SIDECAR=str(port),
            ANALYTICS_PUSH__REDIS_URL=self.redis_url,
            ANALYTICS_STREAMING__SESSION_SECONDS="6",
        )
        return self.forks.start(variables, death)


@pytest.fixture
def replicas(kafka: KafkaBroker, tmp_path: Path) -> Iterator[Replicas]:
    """None yet."""
    make_stream_home(tmp_path / "made", domain.semantic_manifest())
    home = copied_home(tmp_path / "made", tmp_path / "home")
    with running_postgres() as server, new_database(server) as url:
        migrate(url)
        topic = LiveTopic(Broker.configured(kafka.bootstrap), home, database=url)
        with running_redis() as redis, forks(tmp_path / "outputs") as some:
            yield Replicas(topic, redis.url, some)


def test_a_sidecar_that_dies_before_it_pushes_hides_nothing_from_clients(
    replicas: Replicas,
) -> None:
    topic, ports = replicas.topic, (free_port(), free_port())
    dying, staying = replicas.start(ports[0], DEATH), replicas.start(ports[1])
    staying.wait_for(lambda: _share(dying, staying), 90)
    stayed, moved = asyncio.run(_hear(topic, ports, dying))
    staying.signal(signal.SIGTERM)
    assert staying.ended(60) == 0, staying
    assert stayed.windows == moved.windows == hopping(topic)
    # Each message has one place for all, and none was missed on the way.
    for channel, messages in stayed.said.items():
        assert moved.said[channel] == messages
        epochs = {epoch for epoch, _ in messages}
        sequences = sorted(sequence for _, sequence in messages)
        assert len(epochs) == 1
        assert sequences == list(range(1, len(messages) + 1))
    assert not differences(topic, topic.found())


async def _hear(
    topic: LiveTopic, ports: tuple[int, int], dying: Forked
) -> tuple[Heard, Heard]:
    """A client on each; the first one goes on at the other when its sidecar is dead."""
    stayed, moved = Heard(), Heard()
    async with asyncio.timeout(180), _client(topic, ports[1], stayed) as other:
        async with _client(topic, ports[0], moved) as client:
            listening = asyncio.create_task(moved.listen(client, lambda: False))
            while dying.code is None:
                await asyncio.to_thread(topic.send, len(topic.sent[0]), 60)
                await asyncio.sleep(0.1)
            with suppress(ConnectionClosed):  # the one to the dead sidecar
                await listening
        assert moved.said[WINDOWS]
        await asyncio.to_thread(topic.send, 3, 1_000)
        await asyncio.to_thread(topic.end)
        windows, events = hopping(topic), _events(topic)
        async with _client(topic, ports[1], moved) as client:
            await moved.listen(client, lambda: moved.has_all(windows, events))
            await stayed.listen(other, lambda: stayed.has_all(windows, events))
            await asyncio.gather(moved.listen_on(client), stayed.listen_on(other))
    return stayed, moved


@asynccontextmanager
async def _client(
    topic: LiveTopic, port: int, heard: Heard
) -> AsyncIterator[ClientConnection]:
    """A reader of the channels, from where it is or from their starts."""
    async with connect(f"ws://127.0.0.1:{port}/ws", proxy=None) as client:
        token = await asyncio.to_thread(stored_key, topic.control_store_url)
        await client.send(json.dumps({"type": "authenticate", "token": token}))
        for channel in (WINDOWS, PREDICTIONS):
            after = heard.last(channel)
            where: Mapping[str, object] = {"after": after} if after else _START
            request = {"type": "subscribe", "channel": channel, **where}
            await client.send(json.dumps(request))
        yield client


_START = {"start": "start"}


def hopping(topic: LiveTopic) -> dict[Name, Figures]:
    """What the channel of windows must say in the end."""
    found = topic.reference().windows
    return {name: figures for name, figures in found.items() if name[0] == "hopping"}


def _events(topic: LiveTopic) -> set[str]:
    """The events of which predictions must come."""
    return {json.loads(one.value)["reading_id"] for log in topic.sent for one in log}


def _share(*some: Forked) -> bool:
    """Whether each has partitions, and together they have all."""
    owned = [(given(one.text) or [[]])[-1] for one in some]
    return all(owned) and sorted(chain(*owned)) == list(range(domain.PARTITIONS))
