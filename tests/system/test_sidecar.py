"""The sidecar on a real broker: what it commits, pushes and sends is as counted."""

import asyncio
import json
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from analytics_platform.adapters.brokers import Broker
from analytics_platform.adapters.kafka_broker import KafkaBroker
from analytics_platform.adapters.topic import OutgoingRecord
from tests.domains import readings as domain
from tests.support.access import stored_key
from tests.support.fault_plans import Fault, counted, plan_of
from tests.support.fault_suite import run_plans
from tests.support.live_checks import said_last
from tests.support.live_sidecar import (
    LiveTopic,
    copied_home,
    free_port,
    has_ended,
    have_all,
    is_at_work,
)
from tests.support.stream_homes import make_stream_home

pytestmark = pytest.mark.system


@pytest.fixture(scope="session")
def stream_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with published metrics; copy it."""
    folder = tmp_path_factory.mktemp("stream") / "home"
    make_stream_home(folder, domain.semantic_manifest())
    return folder


@pytest.fixture
def topic(kafka: KafkaBroker, stream_home: Path, tmp_path: Path) -> LiveTopic:
    """A new topic, and a home for its sidecars."""
    home = copied_home(stream_home, tmp_path / "home")
    return LiveTopic(Broker.configured(kafka.bootstrap), home)


def test_windows_are_those_counted_one_by_one_wherever_they_are_read(
    topic: LiveTopic,
) -> None:
    port = free_port()
    topic.send(1, 500)
    with topic.sidecar(ANALYTICS_PORTS__SIDECAR=str(port)) as command:
        command.wait_for(lambda: is_at_work(command), 60)
        items = asyncio.run(_heard(topic, port, "windows.hopping"))
        found, wanted = have_all(topic, has_ended(command)), topic.reference()
        metrics = httpx.get(f"http://127.0.0.1:{port}/metrics").text
        command.process.send_signal(signal.SIGTERM)
        assert command.ended(30).code == 0, command.text
    assert found == wanted
    assert wanted.late
    hopping = {name for name in wanted.windows if name[0] == "hopping"}
    assert {_name(one) for one in items} == hopping
    assert {_name(one): _figures(one) for one in items} == {
        name: wanted.windows[name] for name in hopping
    }
    _assert_measured(metrics, sum(map(len, topic.sent)))
    assert said_last(topic) == wanted.windows


def test_records_that_cannot_be_used_are_set_aside_as_they_were(
    topic: LiveTopic,
) -> None:
    topic.send(2, 200)
    bad = OutgoingRecord(b"{", b"k", (("traceparent", b"t"),), partition=1)
    topic.writer.send(topic.topic, bad)
    topic.end()
    with topic.sidecar() as command:
        assert have_all(topic, has_ended(command)) == topic.reference()
        command.wait_for(lambda: topic.outputs("dead_letters"), 20)
    (letter,) = topic.outputs("dead_letters")
    headers = dict(letter.headers)
    assert (letter.key, letter.value) == (b"k", b"{")
    assert headers["dead_letter.error"] == b"undecodable"
    assert headers["traceparent"] == b"t"


def test_twenty_seeds_of_faults_lose_nothing_and_count_nothing_twice(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    plans = [plan_of(seed) for seed in range(1, 21)]
    assert min(counted(plans)[fault] for fault in Fault) >= 2
    outcomes = run_plans(plans, kafka, tmp_path, at_once=4)
    different = [str(one) for one in outcomes if one.differences]
    assert not different, "\n".join(different)
    # What was planned did happen, but for a step that came too late for its process.
    assert sum(len(one.missed) for one in outcomes) <= 3


async def _heard(topic: LiveTopic, port: int, channel: str) -> list[dict[str, Any]]:
    """The last item of every window of a channel, sent while a client listens."""
    items: dict[object, dict[str, Any]] = {}
    async with connect(f"ws://127.0.0.1:{port}/ws", proxy=None) as client:
        token = stored_key(topic.control_store_url)
        await client.send(json.dumps({"type": "authenticate", "token": token}))
        request = {"type": "subscribe", "channel": channel, "start": "start"}
        await client.send(json.dumps(request))
        await asyncio.to_thread(topic.send, 2, 1_500)
        await asyncio.to_thread(topic.end)
        names = {n for n in topic.reference().windows if n[0] == "hopping"}
        async with asyncio.timeout(30):
            while set(items) != names:
                frame = json.loads(await client.recv())
                for item in frame.get("items", ()):
                    assert item["type"] == "message", item
                    items[_name(item["data"])] = item["data"]
        with suppress(TimeoutError):  # revisions that are still on their way
            while True:
                text = await asyncio.wait_for(client.recv(), 1)
                for item in json.loads(text).get("items", ()):
                    items[_name(item["data"])] = item["data"]
    return list(items.values())


def _name(said: dict[str, Any]) -> tuple[str, str, int, int]:
    return said["window"], said["key"], said["start_ms"], said["end_ms"]


def _figures(said: dict[str, Any]) -> tuple[float, ...]:
    return tuple(said["metrics"][name] for name in domain.METRICS)


def _assert_measured(text: str, events: int) -> None:
    found = {
        line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
        for line in text.splitlines()
        if not line.startswith("#")
    }
    topic = next(name for name in found if name.startswith("analytics_stream_events_t"))
    assert found[topic] == events
    late = [n for n in found if n.startswith("analytics_stream_late_events_total")]
    assert sum(found[name] for name in late) > 0
