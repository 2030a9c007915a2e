"""Which streaming services `analytics up` starts, and which ports they take."""

import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from analytics_platform.adapters.embedded_broker import EmbeddedBroker
from analytics_platform.adapters.replay_position import PositionFile
from analytics_platform.cli import streaming_services as services
from analytics_platform.cli.platform_services import require_free_ports
from analytics_platform.core.pacing import Position
from analytics_platform.errors import InvalidUsage
from analytics_platform.settings import PortSettings, Settings, StreamingSettings
from tests.domains.toy import DOMAIN
from tests.domains.toy.streams import RIDES

BATCH = ["dagster", "mlflow"]
SILENT = DOMAIN.model_copy(
    update={"streams": (), "live_windows": (), "live_predictions": ()}
)


@pytest.fixture
def embedded(tmp_path: Path) -> Settings:
    """No Kafka was assembled."""
    return Settings(home=tmp_path, streaming=StreamingSettings(kafka=tmp_path / "none"))


@pytest.fixture
def assembled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    (tmp_path / "java" / "bin").mkdir(parents=True)
    java = tmp_path / "java" / "bin" / "java"
    java.touch(mode=0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "java"))
    (tmp_path / "kafka" / "4.0.0" / "jars").mkdir(parents=True)
    kafka = StreamingSettings(kafka=tmp_path / "kafka")
    return Settings(home=tmp_path / "home", streaming=kafka)


@pytest.fixture
def configured(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, streaming=StreamingSettings(brokers="kafka:9092"))


def test_a_domain_without_streams_needs_no_port_for_them(assembled: Settings) -> None:
    assert services.ports_used(assembled, SILENT) == BATCH


def test_kafkas_port_is_needed_only_where_it_is_started_here(
    embedded: Settings, assembled: Settings, configured: Settings
) -> None:
    assert services.ports_used(embedded, DOMAIN) == [*BATCH, "sidecar"]
    assert services.ports_used(configured, DOMAIN) == [*BATCH, "sidecar"]
    assert services.ports_used(assembled, DOMAIN) == [*BATCH, "sidecar", "kafka"]


def test_a_broker_is_started_unless_there_is_one(
    embedded: Settings, configured: Settings
) -> None:
    assert services.starts_broker(embedded)
    assert not services.starts_broker(configured)
    own = EmbeddedBroker(embedded.home / "kafka")
    own.start()
    try:
        assert not services.starts_broker(embedded)
    finally:
        own.stop()
    assert services.starts_broker(embedded)


def test_only_ports_that_are_needed_must_be_free(embedded: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        settings = embedded.model_copy(update={"ports": PortSettings(kafka=port)})
        require_free_ports(settings, [])
        with pytest.raises(InvalidUsage, match=f"Port {port} for kafka"):
            require_free_ports(settings, ["kafka"])


def test_each_stream_has_a_replay_that_may_come_to_its_end(embedded: Settings) -> None:
    (replay,) = services.replays(embedded, DOMAIN, needs="broker")
    assert replay.command[-4:] == ["replay", "--follow", "--stream", RIDES.name]
    assert (replay.may_finish, replay.needs) == (True, "broker")
    assert not services.sidecar(embedded, needs=None).may_finish


def test_a_replay_begins_where_the_clock_began_once(embedded: Settings) -> None:
    file = PositionFile.of(embedded.home, RIDES)
    services.note_begin(embedded, DOMAIN, datetime(2010, 9, 8, tzinfo=UTC))
    begin = Position(1_283_904_000_000)
    assert file.read() == begin
    services.note_begin(embedded, DOMAIN, datetime(2010, 9, 9, tzinfo=UTC))
    assert file.read() == begin
