"""A home into which events of a topic are loaded, also by a process that tests kill.

`python -m tests.support.load_events HOME BROKERS TOPIC` loads once, in small steps.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from analytics_platform.adapters.brokers import Broker
from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.control_store.migrations import migrate
from analytics_platform.adapters.duckdb_warehouse import DuckDBWarehouse
from analytics_platform.adapters.event_loading import EventLoader
from analytics_platform.adapters.topic import OutgoingRecord, TopicWriter
from analytics_platform.adapters.warehouse import Value
from analytics_platform.contracts.streams import EventStream, EventTopic
from analytics_platform.settings import Settings, StreamingSettings
from tests.domains.toy.streams import RIDES
from tests.support.live_runs import Return

NOW = datetime(2014, 1, 1, tzinfo=UTC)
STEP = 400


@dataclass(frozen=True)
class EventHome:
    """A home, its warehouse and control store, and the stream of one topic."""

    home: Path
    brokers: str | None
    topic: str = "rides"

    @property
    def settings(self) -> Settings:
        """Its settings; without brokers, those that run in the home."""
        missing = self.home / "no-kafka"
        streaming = StreamingSettings(brokers=self.brokers, kafka=missing)
        return Settings(home=self.home, streaming=streaming)

    @property
    def store(self) -> ControlStore:
        """Its control store, migrated."""
        url = self.settings.control_store_url
        migrate(url)
        return ControlStore.open(url)

    @property
    def stream(self) -> EventStream:
        """The toy's rides, in the topic and one more, keyed by the rental."""
        topics = (
            EventTopic(name=self.topic, key="station_code"),
            EventTopic(name=f"{self.topic}-by-id", key="ride_event"),
        )
        return RIDES.model_copy(update={"topics": topics})

    def loader(self, run_id: str = "run-1", *, step: int = STEP) -> EventLoader:
        """What loads the stream."""
        return EventLoader(
            self.settings,
            DuckDBWarehouse(self.settings),
            self.store,
            self.stream,
            run_id=run_id,
            at=NOW,
            records_at_once=step,
        )

    def rows(self, sql: str) -> list[tuple[Value, ...]]:
        """The answer of the warehouse."""
        with DuckDBWarehouse(self.settings).session() as session:
            return session.rows(sql)


def send(
    broker: Broker,
    topic: str,
    sent: Sequence[Return | bytes],
    *,
    partition: int | None = None,
) -> None:
    """Write returns, or whatever bytes, to a topic."""
    writer = TopicWriter(broker)
    for number, one in enumerate(sent):
        value = one if isinstance(one, bytes) else one.value
        where = number % 2 if partition is None else partition
        writer.send(topic, OutgoingRecord(value, partition=where))
    writer.flush()
    writer.close()


if __name__ == "__main__":
    opened = EventHome(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
    made = opened.loader(run_id=sys.argv[4])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    made.load()
