"""The events of a topic in the warehouse: each record once, whatever happens."""

import dataclasses
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pyarrow.parquet as pq
import pytest
from confluent_kafka import Producer

from analytics_platform.adapters.brokers import Broker, running_broker
from analytics_platform.adapters.event_loading import EventLoad
from analytics_platform.adapters.event_offsets import EventOffsets, Place, Step
from analytics_platform.adapters.kafka_broker import KafkaBroker
from analytics_platform.adapters.topic import Topics
from analytics_platform.adapters.topic_reading import OffsetRange
from analytics_platform.core.event_span import Mark, OffsetsLost
from analytics_platform.settings import ROOT
from tests.support.live_runs import returns
from tests.support.load_events import EventHome, send

KILLS = 6
EACH = "select topic_partition, topic_offset, count(*) from raw.rides group by 1, 2"


@pytest.fixture
def home(tmp_path: Path) -> EventHome:
    """A home in which no broker runs."""
    return EventHome(tmp_path, None)


@pytest.fixture
def broker(kafka: KafkaBroker) -> Broker:
    return Broker.configured(kafka.bootstrap)


@pytest.fixture
def on_kafka(tmp_path: Path, broker: Broker) -> EventHome:
    """A home that loads a new topic of two partitions of a real node."""
    topic = f"rides-{uuid.uuid4().hex[:8]}"
    Topics(broker).create(topic, 2)
    Topics(broker).create(f"{topic}-by-id", 2)
    return EventHome(tmp_path, broker.bootstrap, topic)


def count(home: EventHome) -> int:
    return int(str(home.rows("select count(*) from raw.rides")[0][0]))


def test_where_no_broker_runs_there_is_nothing_new(home: EventHome) -> None:
    loaded = home.loader().load()
    assert (loaded.rows, loaded.bad) == (0, 0)
    assert loaded.note == "No broker runs: there is nothing new."
    assert home.loader().count() == 0


def test_what_is_new_is_added_and_another_cluster_begins_anew(home: EventHome) -> None:
    sent = returns(60)
    for round_ in (1, 2):  # the embedded broker is a new cluster at each start
        with running_broker(home.settings) as broker:
            assert "no topic" in (home.loader().load().note or "")
            Topics(broker).create("rides", 2)
            send(broker, "rides", sent[:40])
            first = home.loader().load()
            assert (first.rows, first.note) == (40, None)
            assert home.loader().load().rows == 0
            send(broker, "rides", sent[40:])
            assert home.loader().load().rows == 20
        assert count(home) == 60 * round_
    clusters = home.rows("select topic_cluster, count(*) from raw.rides group by 1")
    assert [number for _, number in clusters] == [60, 60]
    found = home.rows(
        "select distinct rental_key, station_code, duration_minutes from raw.rides"
    )
    assert set(found) == {(one.key, one.station, one.minutes) for one in sent}
    ((earliest,),) = home.rows('select min("at") from raw.rides')
    assert earliest == min(one.at for one in sent).replace(tzinfo=None)


def test_a_record_that_was_sent_twice_is_two_rows_of_one_event(
    home: EventHome,
) -> None:
    sent = returns(3)
    with running_broker(home.settings) as broker:
        Topics(broker).create("rides", 1)
        send(broker, "rides", [*sent, sent[1]], partition=0)
        assert home.loader().load().rows == 4
    repeated = home.rows(
        "select ride_event, count(*), count(distinct topic_offset) from raw.rides "
        "group by 1 having count(*) > 1"
    )
    assert repeated == [(f"{sent[1].key}-back", 2, 2)]


def test_bad_records_are_kept_with_the_reason_and_their_bytes(home: EventHome) -> None:
    good = returns(3)
    with running_broker(home.settings) as broker:
        Topics(broker).create("rides", 1)
        send(broker, "rides", [good[0], b"{", good[1], b"\xff", good[2]], partition=0)
        loaded = home.loader().load()
    assert (loaded.rows, loaded.bad) == (3, 2)
    (entry,) = home.store.quarantine.open("rides")
    assert entry.rows == 2
    assert "undecodable" in entry.reason
    kept = pq.read_table(home.home / entry.location).to_pylist()
    assert [(one["offset"], one["value"]) for one in kept] == [(1, b"{"), (3, b"\xff")]


def test_the_ends_of_the_streams_other_topics_are_known(home: EventHome) -> None:
    sent = returns(50)
    times = [round(one.at.timestamp() * 1000) for one in sent]
    with running_broker(home.settings) as broker:
        for topic in ("rides", "rides-by-id"):
            Topics(broker).create(topic, 1)
            send(broker, topic, [b"{", *sent, b"["], partition=0)
        cluster = home.loader().load().cluster or ""
        send(broker, "rides-by-id", sent[:1], partition=0)
        home.loader().load()
    with home.loader().warehouse.session() as session:
        offsets = EventOffsets(home.stream, session, "duckdb")
        marks = offsets.marks(Place(cluster, "rides-by-id"))
    assert set(marks) == {
        Mark(0, 1, times[0]),
        Mark(0, 50, times[-1]),
        Mark(0, 52, times[0]),
    }


def test_offsets_are_not_noted_without_their_rows(
    home: EventHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: EventOffsets, place: Place, steps: list[Step]) -> None:
        raise RuntimeError(f"{place} {steps}")

    with running_broker(home.settings) as broker:
        Topics(broker).create("rides", 2)
        send(broker, "rides", [*returns(20), b"{"])
        with monkeypatch.context() as patch:
            patch.setattr(EventOffsets, "write", fail)
            with pytest.raises(RuntimeError):
                home.loader("run-1").load()
        assert count(home) == 0
        send(broker, "rides", [b"["], partition=0)
        assert home.loader("run-2").load().rows == 20
    # What the failed load had set aside is set aside once.
    assert sum(one.rows for one in home.store.quarantine.open("rides")) == 2


def load_after_losing(
    home: EventHome,
    monkeypatch: pytest.MonkeyPatch,
    choice: Literal["earliest", "latest", "fail"] | None = None,
) -> tuple[EventLoad, EventLoad]:
    """Two loads of a log: 10 are loaded, 20 sent, and the oldest 5 of these lost."""
    settings = home.settings
    if choice:
        streaming = settings.streaming.model_copy(update={"out_of_range": choice})
        settings = settings.model_copy(update={"streaming": streaming})
    loader = dataclasses.replace(home.loader(), settings=settings)
    sent = returns(32)
    with running_broker(home.settings) as broker:
        Topics(broker).create("rides", 1)
        send(broker, "rides", sent[:10], partition=0)
        assert loader.load().lost == 0
        send(broker, "rides", sent[10:30], partition=0)
        with monkeypatch.context() as patch:
            left = {0: OffsetRange(15, 30)}
            patch.setattr(Topics, "bounds", lambda _self, _topic: left)
            lossy = loader.load()
        send(broker, "rides", sent[30:], partition=0)
        return lossy, loader.load()


def test_a_log_that_lost_the_next_offset_stops_the_load(
    home: EventHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OffsetsLost, match="next offset to load is 10") as caught:
        load_after_losing(home, monkeypatch)
    assert "ANALYTICS_STREAMING__OUT_OF_RANGE" in caught.value.hint
    assert count(home) == 10


@pytest.mark.parametrize(
    ("choice", "rows", "lost"), [("earliest", 15, 5), ("latest", 0, 20)]
)
def test_by_choice_a_load_goes_on_without_what_the_log_lost_and_counts_it(
    home: EventHome,
    monkeypatch: pytest.MonkeyPatch,
    choice: Literal["earliest", "latest"],
    rows: int,
    lost: int,
) -> None:
    lossy, later = load_after_losing(home, monkeypatch, choice)
    assert (lossy.rows, lossy.lost) == (rows, lost)
    assert (later.rows, later.lost) == (2, 0)
    assert count(home) == 12 + rows


@contextmanager
def loading(home: EventHome, run: int) -> Iterator["subprocess.Popen[str]"]:
    """A process that is about to load; waited for."""
    arguments = [str(home.home), home.brokers or "", home.topic, f"run-{run}"]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.load_events", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        yield child


@pytest.mark.system
def test_killed_anywhere_nothing_is_lost_or_doubled(
    on_kafka: EventHome, broker: Broker
) -> None:
    sent = returns(2_400)
    send(broker, on_kafka.topic, [b"{", *sent[:1_200]])
    with loading(on_kafka, 0) as child:
        began = time.monotonic()
        assert child.wait(120) == 0
    usual = time.monotonic() - began
    assert count(on_kafka) == 1_200
    chance = random.Random(5)  # noqa: S311 - repeatable
    for attempt in range(1, KILLS + 1):
        more = sent[1_000 + 200 * attempt : 1_200 + 200 * attempt]
        send(broker, on_kafka.topic, [*more, b"["])
        with loading(on_kafka, attempt) as child:
            time.sleep(chance.uniform(0, usual))
            child.kill()
    on_kafka.loader("last").load()
    found = on_kafka.rows(EACH)
    assert len(found) == 2_400
    assert {number for *_, number in found} == {1}
    keys = on_kafka.rows("select rental_key from raw.rides")
    assert sorted(int(str(key)) for (key,) in keys) == sorted(one.key for one in sent)
    kept = on_kafka.store.quarantine.open("rides")
    assert sum(one.rows for one in kept) == 1 + KILLS


@pytest.mark.system
def test_two_loads_at_once_take_turns(on_kafka: EventHome, broker: Broker) -> None:
    send(broker, on_kafka.topic, returns(900))
    with loading(on_kafka, 1) as first, loading(on_kafka, 2) as second:
        assert first.wait(120) == 0
        assert second.wait(120) == 0
    assert count(on_kafka) == 900


@pytest.mark.system
def test_records_of_aborted_transactions_are_not_loaded(
    on_kafka: EventHome, broker: Broker
) -> None:
    sent = returns(30)
    settings = {
        "bootstrap.servers": broker.bootstrap,
        "transactional.id": on_kafka.topic,
    }
    producer = Producer(settings)
    producer.init_transactions(30)
    for number, commits in enumerate((False, True, False)):
        producer.begin_transaction()
        for one in sent[10 * number : 10 * number + 10]:
            producer.produce(on_kafka.topic, one.value, partition=0)
        producer.flush(30)
        if commits:
            producer.commit_transaction(30)
        else:
            producer.abort_transaction(30)
    assert on_kafka.loader().load().rows == 10
    assert on_kafka.loader().load().rows == 0
    keys = on_kafka.rows("select rental_key from raw.rides")
    assert sorted(int(str(key)) for (key,) in keys) == sorted(
        one.key for one in sent[10:20]
    )
