"""A trace goes through the sidecar, from an event's record to all that comes of it."""

import asyncio
import json
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from analytics_platform.adapters.brokers import Broker
from analytics_platform.adapters.kafka_broker import KafkaBroker
from analytics_platform.adapters.topic import OutgoingRecord, Topics
from tests.domains import readings as domain
from tests.support.access import stored_key
from tests.support.commands import Command
from tests.support.live_sidecar import LiveTopic, free_port, is_at_work
from tests.support.stream_homes import make_stream_home

pytestmark = pytest.mark.system

START_MS = 1_700_000_000_000
FIRST, MOVER, LATE, BAD = (f"00-{n * 32}-{'1' * 16}-01" for n in "abcd")


@pytest.fixture
def topic(kafka: KafkaBroker, tmp_path: Path) -> LiveTopic:
    home = tmp_path / "home"
    make_stream_home(home, domain.semantic_manifest())
    return LiveTopic(Broker.configured(kafka.bootstrap), home)


def test_results_and_messages_carry_the_trace_of_the_event_that_led_to_them(
    topic: LiveTopic,
) -> None:
    port = free_port()
    with topic.sidecar(ANALYTICS_PORTS__SIDECAR=str(port)) as command:
        command.wait_for(lambda: is_at_work(command), 60)
        for partition in range(domain.PARTITIONS):
            send(topic, partition, 100, FIRST)
        for partition in range(1, domain.PARTITIONS):
            send(topic, partition, 2_000, FIRST)
        await_events(command, port, 7)
        before_ms = time.time_ns() // 1_000_000
        items = asyncio.run(heard(topic, port))
        command.wait_for(lambda: len(topic.outputs("dead_letters")) == 1, 20)
        command.process.send_signal(signal.SIGTERM)
        assert command.ended(30).code == 0, command.text
    windows = [one for one in items if one["channel"] == "windows.by_second"]
    assert {one["data"]["key"] for one in windows} == {"s0", "s1", "s2", "s3"}
    for one in windows:
        assert one["trace"] == MOVER
        assert before_ms <= one["sent_ms"] <= time.time_ns() // 1_000_000
    assert traces(items, "events.late") == {LATE}
    assert traces(items, "events.dead_letters") == {BAD}
    results = [
        one
        for one in topic.outputs()
        if json.loads(one.value or b"")["window"] == "by_second"
    ]
    assert len(results) == len(windows)
    assert {dict(one.headers)["traceparent"] for one in results} == {MOVER.encode()}
    (letter,) = topic.outputs("dead_letters")
    assert dict(letter.headers)["traceparent"] == BAD.encode()
    # Kafka's own tools see no lag: what was committed last was told before it left.
    ends = {n: one.end for n, one in Topics(topic.broker).bounds(topic.topic).items()}
    group = f"group-{topic.topic}"
    assert Topics(topic.broker).committed(topic.topic, group) == ends


def send(topic: LiveTopic, partition: int, after_ms: int, trace: str) -> None:
    """One reading, and wait until the broker has it."""
    value = json.dumps(
        {
            "reading_id": f"{partition}-{after_ms}-{trace[3]}",
            "what": "measured",
            "at": START_MS + after_ms,
            "sensor": f"s{partition}",
            "level": 1.5,
        }
    )
    headers = (("other", b"1"), ("traceparent", trace.encode()))
    record = OutgoingRecord(value.encode(), b"k", headers, partition=partition)
    topic.writer.send(topic.topic, record)
    topic.writer.flush(30)


def await_events(command: Command, port: int, count: int) -> None:
    """Wait until the sidecar has taken so many events."""
    name = 'analytics_stream_events_total{topic="'

    def taken() -> bool:
        text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
        lines = [one for one in text.splitlines() if one.startswith(name)]
        return sum(float(one.rpartition(" ")[2]) for one in lines) >= count

    command.wait_for(taken, 30)


async def heard(topic: LiveTopic, port: int) -> list[dict[str, Any]]:
    """What a client is told when the last partition's watermark moves on."""
    channels = {"windows.by_second": 4, "events.late": 1, "events.dead_letters": 1}
    items: list[dict[str, Any]] = []
    async with connect(f"ws://127.0.0.1:{port}/ws", proxy=None) as client:
        token = stored_key(topic.control_store_url)
        await client.send(json.dumps({"type": "authenticate", "token": token}))
        for channel in channels:
            # Whatever is published before it is subscribed to is heard too.
            request = {"type": "subscribe", "channel": channel, "start": "start"}
            await client.send(json.dumps(request))
        await asyncio.to_thread(send, topic, 0, 2_000, MOVER)
        await asyncio.to_thread(send, topic, 0, 100, LATE)
        bad = OutgoingRecord(b"{", b"k", (("traceparent", BAD.encode()),), partition=1)
        await asyncio.to_thread(topic.writer.send, topic.topic, bad)
        await asyncio.to_thread(topic.writer.flush, 30)
        async with asyncio.timeout(30):
            while any(
                sum(one["channel"] == name for one in items) < count
                for name, count in channels.items()
            ):
                items += json.loads(await client.recv()).get("items", ())
    return items


def traces(items: list[dict[str, Any]], channel: str) -> set[str]:
    """The traces of a channel's messages."""
    return {one["trace"] for one in items if one["channel"] == channel}
