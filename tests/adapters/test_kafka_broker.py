"""The real node: assembled, started, stopped, and what is missing is named."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from analytics_platform.adapters.brokers import (
    Broker,
    BrokerKind,
    chosen_kind,
    find_broker,
    running_broker,
    wait_until_ready,
)
from analytics_platform.adapters.kafka_broker import (
    PROPERTIES,
    QUICK_START,
    KafkaBroker,
    find_assembly,
    free_port,
)
from analytics_platform.adapters.topic import OutgoingRecord, Topics, TopicWriter
from analytics_platform.adapters.topic_reading import OffsetRange
from analytics_platform.errors import Conflict, NotFound, Unavailable
from analytics_platform.settings import PortSettings, Settings, StreamingSettings
from tests.support.repository import ROOT


def test_what_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(NotFound, match="Java runtime") as error:
        find_assembly(tmp_path / "kafka")
    assert "Kafka's jars" in error.value.message
    assert "make kafka" in error.value.hint


def test_the_newest_assembly_is_used(tmp_path: Path) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.touch(mode=0o755)
    for version in ("4.9.0", "4.10.0", ".partial-4.11.0"):
        (tmp_path / version / "jars").mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAVA_HOME", str(tmp_path))
        found = find_assembly(tmp_path)
    assert (found.java, found.version) == (str(java), "4.10.0")


def test_every_declared_jar_has_a_checksum() -> None:
    lines = (ROOT / "deployment/kafka/jars.sha256").read_text().splitlines()
    pom = (ROOT / "deployment/kafka/pom.xml").read_text()
    version = pom.split("<version>")[1].split("<")[0]
    assert any(line.endswith(f"  kafka_2.13-{version}.jar") for line in lines)
    assert all(len(line.split("  ")[0]) == 64 for line in lines)


def test_a_container_is_set_up_as_the_node_is() -> None:
    compose = yaml.safe_load((ROOT / "deployment/compose.yaml").read_text())
    service = compose["services"]["kafka"]
    pom = (ROOT / "deployment/kafka/pom.xml").read_text()
    assert service["image"] == "apache/kafka:" + pom.split("<version>")[1].split("<")[0]
    for name, value in service["environment"].items():
        key = name.removeprefix("KAFKA_").replace("_", ".").lower()
        if "LISTENER" not in name and key in PROPERTIES:
            assert PROPERTIES[key] == value, name


@pytest.mark.system
def test_the_node_keeps_its_topics_over_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", " ".join(QUICK_START))
    settings = Settings(home=tmp_path, ports=PortSettings(kafka=free_port()))
    assert chosen_kind(settings) is BrokerKind.ASSEMBLED
    with running_broker(settings) as broker:
        wait_until_ready(broker)
        assert find_broker(settings) == broker
        Topics(broker).create("events", 1)
        writer = TopicWriter(broker)
        writer.send("events", OutgoingRecord(b"kept"))
        writer.flush()
        cluster = Topics(broker).cluster_id()
    with pytest.raises(NotFound):
        find_broker(settings)
    with broker_command(settings) as process:
        again = await_broker(settings, process)
        assert again == broker
        assert Topics(again).cluster_id() == cluster
        assert Topics(again).bounds("events") == {0: OffsetRange(0, 1)}
    assert process.returncode == 128 + signal.SIGTERM  # Java's own code


@pytest.mark.system
def test_the_embedded_broker_runs_in_the_foreground_and_says_what_it_lacks(
    tmp_path: Path,
) -> None:
    streaming = StreamingSettings(kafka=tmp_path / "no-kafka")
    settings = Settings(home=tmp_path, streaming=streaming)
    with broker_command(settings) as process:
        broker = await_broker(settings, process)
        assert broker.kind is BrokerKind.EMBEDDED
    assert process.returncode == 0
    text = said(settings).read_text()
    assert "Starting the embedded broker" in text
    assert all(limit in text for limit in broker.limits)
    assert "`make kafka`" in text


@contextmanager
def broker_command(settings: Settings) -> "Iterator[subprocess.Popen[bytes]]":
    """`analytics broker run`, told to end afterwards; it speaks into `said`."""
    environment = {
        "ANALYTICS_HOME": str(settings.home),
        "ANALYTICS_PORTS__KAFKA": str(settings.ports.kafka),
        "ANALYTICS_STREAMING__KAFKA": str(settings.streaming.kafka),
    }
    with said(settings).open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "analytics_platform.cli.main", "broker", "run"],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def said(settings: Settings) -> Path:
    return settings.home / "said.log"


def await_broker(settings: Settings, process: "subprocess.Popen[bytes]") -> Broker:
    while process.poll() is None:
        try:
            broker = find_broker(settings)
        except NotFound:
            time.sleep(0.1)
        else:
            wait_until_ready(broker)
            return broker
    raise AssertionError(said(settings).read_text())


@pytest.mark.system
def test_a_taken_port_names_its_owner(kafka: KafkaBroker, tmp_path: Path) -> None:
    port = int(kafka.bootstrap.split(":")[1])
    settings = Settings(home=tmp_path, ports=PortSettings(kafka=port))
    with (
        pytest.raises(Conflict, match=f"Port {port} is taken by java"),
        running_broker(settings),
    ):
        pass


@pytest.mark.system
def test_a_node_that_cannot_start_shows_its_last_words(tmp_path: Path) -> None:
    broken = KafkaBroker(
        find_assembly(ROOT / ".kafka"),
        tmp_path,
        port=free_port(),
        java_options=QUICK_START,
    )
    broken.prepare()
    (tmp_path / "data" / "meta.properties").write_text("version=1\ncluster.id=wrong\n")
    with pytest.raises(Unavailable, match="Kafka ended"):
        broken.start()
    assert broken.pid is None


def test_a_configured_broker_is_never_started(tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path,
        streaming=StreamingSettings(brokers="somewhere:9092"),
    )
    with running_broker(settings) as broker:
        assert broker == Broker.configured("somewhere:9092")
    assert os.listdir(tmp_path) == []  # noqa: PTH208
