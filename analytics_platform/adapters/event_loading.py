"""Loads the events of a stream into `raw`, each record of its topic exactly once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa

from analytics_platform.adapters.brokers import Broker, find_broker
from analytics_platform.adapters.contract_columns import (
    column_list,
    column_types,
    ensure_table,
)
from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.durable_files import room_for
from analytics_platform.adapters.event_offsets import EventOffsets, Place, Step
from analytics_platform.adapters.event_topic import Events, EventTopic
from analytics_platform.adapters.promotion import RAW
from analytics_platform.adapters.quarantine import Quarantine
from analytics_platform.adapters.stage import staged
from analytics_platform.adapters.topic import Topics
from analytics_platform.adapters.warehouse import Warehouse
from analytics_platform.contracts.streams import EventStream
from analytics_platform.core.event_rows import EventTable
from analytics_platform.core.event_span import Seen, next_range
from analytics_platform.errors import NotFound
from analytics_platform.observability import get_logger
from analytics_platform.settings import Settings

log = get_logger(__name__)

_RECORDS_AT_ONCE = 200_000


@dataclass(frozen=True)
class EventLoad:
    """What a load added; `note` says why there was nothing to load."""

    rows: int = 0
    bad: int = 0
    lost: int = 0
    cluster: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class EventLoader:
    """The raw table of one stream, for one run at one instant.

    Rows are added in the transaction that notes up to which offset; a load that is
    killed anywhere is done again from the last one noted. Offsets are those of one
    cluster: another cluster's topic is loaded from its beginning, beside what is there.
    """

    settings: Settings
    warehouse: Warehouse
    store: ControlStore
    stream: EventStream
    run_id: str
    at: datetime
    records_at_once: int = _RECORDS_AT_ONCE

    @property
    def table(self) -> EventTable:
        """What is loaded to."""
        return EventTable(self.stream)

    def load(self) -> EventLoad:
        """Load what the topic has had since the last time.

        Raises:
            OffsetsLost: the topic does not hold what comes next any more.
            Unavailable: the broker or the warehouse did not answer.
        """
        with self.warehouse.exclusive():
            self._ensure_tables()
            try:
                broker = find_broker(self.settings)
            except NotFound:
                return EventLoad(note="No broker runs: there is nothing new.")
            topics = Topics(broker)
            cluster, first = topics.cluster_id(), self.stream.topics[0].name
            if topics.partitions(first) is None:
                return EventLoad(
                    cluster=cluster, note=f"There is no topic {first}: nothing new."
                )
            for topic in self.stream.topics[1:]:
                self._look(broker, Place(cluster, topic.name))
            loaded = self._load(broker, Place(cluster, first))
        log.info(
            "events_loaded", stream=self.stream.name, rows=loaded.rows, bad=loaded.bad
        )
        return loaded

    def count(self) -> int:
        """How many rows there are in all."""
        with self.warehouse.session() as session:
            found = session.rows(f"select count(*) from {RAW}.{self.table.name}")
        return int(str(found[0][0]))

    def _load(self, broker: Broker, place: Place) -> EventLoad:
        ranges, ends = self._new(broker, place)
        lost = sum(
            max(0, one.begin - ends.get(number, one.begin))
            for number, one in ranges.items()
        )
        done = EventLoad(cluster=place.cluster, lost=lost)
        self._withdraw_unfinished(place, ranges)
        topic = EventTopic(broker, self.stream, place)
        for part in _in_parts(ranges, self.records_at_once):
            events = topic.read(part)
            bad = self._keep(place, part, events)
            self._append(place, events, events.steps(part))
            done = replace(done, rows=done.rows + len(events.rows), bad=done.bad + bad)
        return done

    def _look(self, broker: Broker, place: Place) -> None:
        """Note where the other topics of the same events stand: parity asks for it."""
        if Topics(broker).partitions(place.topic) is None:
            return
        ranges, ends = self._new(broker, place)
        steps = EventTopic(broker, self.stream, place).look(ranges, list(ends))
        with self.warehouse.session() as session, session.transaction():
            EventOffsets(self.stream, session, self.warehouse.dialect).write(
                place, steps
            )

    def _new(
        self, broker: Broker, place: Place
    ) -> tuple[dict[int, Seen], dict[int, int]]:
        """The offsets to read of each partition that has any, and where it was."""
        with self.warehouse.session() as session:
            offsets = EventOffsets(self.stream, session, self.warehouse.dialect)
            ends = offsets.ends(place)
        rule = self.settings.streaming.out_of_range
        found = {
            number: next_range(
                (place.topic, number), ends.get(number), Seen(*bounds), rule
            )
            for number, bounds in Topics(broker).bounds(place.topic).items()
        }
        ranges = {
            number: one
            for number, one in found.items()
            if one.begin < one.end or one.begin != ends.get(number, one.begin)
        }
        return ranges, ends

    def _append(self, place: Place, events: Events, steps: list[Step]) -> None:
        dialect = self.warehouse.dialect
        target = f"{RAW}.{self.table.name}"
        names = column_list(column_types(self.table, dialect))
        with (
            room_for(target),
            staged(self.warehouse, self.settings, self.table, events.rows) as stage,
            self.warehouse.session() as session,
            session.transaction(),
        ):
            session.execute(
                f"insert into {target} ({names}) select {names} from {stage}"
            )
            EventOffsets(self.stream, session, dialect).write(place, steps)

    def _ensure_tables(self) -> None:
        dialect = self.warehouse.dialect
        with self.warehouse.session() as session, session.transaction():
            types = column_types(self.table, dialect)
            ensure_table(session, f"{RAW}.{self.table.name}", types, dialect)
            EventOffsets(self.stream, session, dialect).ensure()

    def _keep(self, place: Place, part: Mapping[int, Seen], events: Events) -> int:
        """Put bad records into quarantine, before their offsets are noted."""
        quarantine = Quarantine(
            self.settings.home, self.store, self.table, self.run_id, self.at
        )
        for number, records in events.bad.items():
            kinds = sorted({f"{one['error']}: {one['reason']}" for one in records})
            quarantine.keep_rows(
                pa.Table.from_pylist(records),
                part=_label(place, number, part[number]),
                origin=place.topic,
                reason="; ".join(kinds[:3]),
            )
        return sum(map(len, events.bad.values()))

    def _withdraw_unfinished(self, place: Place, ranges: Mapping[int, Seen]) -> None:
        """Close entries of a load that was killed before it noted their offsets.

        This load reads these records again, and keeps the bad ones again.
        """
        for entry in self.store.quarantine.open(self.table.name):
            label = entry.partition or ""
            if not label.startswith(f"{place.cluster}/"):
                continue
            number, _, offsets = label.removeprefix(f"{place.cluster}/").partition("/")
            begun = ranges.get(int(number))
            if begun and int(offsets.partition("-")[0]) >= begun.begin:
                self.store.quarantine.resolve(self.table.name, [label], self.at)


def _label(place: Place, number: int, offsets: Seen) -> str:
    return f"{place.cluster}/{number}/{offsets.begin}-{offsets.end}"


def _in_parts(ranges: Mapping[int, Seen], records: int) -> Iterator[dict[int, Seen]]:
    """The ranges in steps of so many offsets in all."""
    size = max(1, records // max(1, len(ranges)))
    begins = {number: one.begin for number, one in ranges.items()}
    while begins:
        yield {
            number: Seen(begin, min(begin + size, ranges[number].end))
            for number, begin in begins.items()
        }
        begins = {
            number: begin + size
            for number, begin in begins.items()
            if begin + size < ranges[number].end
        }
