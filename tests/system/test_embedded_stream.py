"""The sidecar on the embedded broker, which it starts by itself."""

import json
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest

from analytics_platform.adapters.brokers import EMBEDDED_LIMITS, find_broker
from analytics_platform.adapters.topic import OutgoingRecord, TopicWriter
from analytics_platform.settings import PortSettings, Settings, StreamingSettings
from tests.domains import readings as domain
from tests.support.commands import ROOT, Command, Commands
from tests.support.driven import logs_of
from tests.support.live_sidecar import free_port, is_at_work
from tests.support.readings import Reading, expected, last_readings, readings, stored
from tests.support.stream_homes import make_stream_home

pytestmark = pytest.mark.system


@pytest.fixture
def home(tmp_path: Path) -> Commands:
    """A home for which no Kafka is assembled."""
    folder = tmp_path / "home"
    make_stream_home(folder, domain.semantic_manifest())
    variables = {
        "ANALYTICS_DOMAIN": "tests.domains.readings",
        "ANALYTICS_STREAMING__KAFKA": str(tmp_path / "nothing"),
        "ANALYTICS_STREAMING__STATE": f"sqlite:///{folder / 'stream.sqlite'}",
        "ANALYTICS_PORTS__KAFKA": str(free_port()),
        "ANALYTICS_PORTS__SIDECAR": str(free_port()),
        "ANALYTICS_LOGS__FORMAT": "json",
        "PYTHONPATH": str(ROOT),
    }
    return Commands(folder, variables)


def said(command: Command, event: str) -> list[Mapping[str, object]]:
    """What was logged of a kind."""
    lines = [line for line in command.text.splitlines() if line.startswith("{")]
    return [told for told in map(json.loads, lines) if told.get("event") == event]


def send(home: Commands, some: list[Reading]) -> None:
    settings = Settings(
        home=home.folder,
        ports=PortSettings(kafka=int(home.variables["ANALYTICS_PORTS__KAFKA"])),
        streaming=StreamingSettings(
            kafka=Path(home.variables["ANALYTICS_STREAMING__KAFKA"])
        ),
    )
    writer = TopicWriter(find_broker(settings))
    for one in some:
        key = one.sensor.encode()
        record = OutgoingRecord(one.value, key, partition=one.partition)
        writer.send(domain.TOPIC, record)
    writer.flush()
    writer.close()


def test_it_says_what_it_cannot_do_counts_right_and_begins_anew(home: Commands) -> None:
    sent = [*readings(1, 500), *last_readings()]
    wanted = expected(logs_of(sent))
    with home.started("sidecar") as command:
        command.wait_for(lambda: is_at_work(command), 90)
        (found,) = said(command, "broker_found")
        assert found["kind"] == "embedded"
        limits = said(command, "broker_limit")
        assert [it["limit"] for it in limits] == list(EMBEDDED_LIMITS)
        assert {it["advice"] for it in limits} == {"make kafka"}
        status = home.run("broker", "status")
        assert status.text.count("not proven here: ") == len(EMBEDDED_LIMITS)
        send(home, sent)
        state = home.variables["ANALYTICS_STREAMING__STATE"]
        command.wait_for(lambda: stored(state) == wanted, 60)
        command.process.send_signal(signal.SIGTERM)
        assert command.ended(30).code == 0, command.text
    with home.started("sidecar") as command:
        command.wait_for(lambda: is_at_work(command), 90)
        (begun,) = said(command, "state_begins_anew")
        assert "is new" in str(begun["reason"])
