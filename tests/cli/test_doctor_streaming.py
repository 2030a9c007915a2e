"""What `analytics doctor` says of broker, state database and sidecar."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from pydantic import SecretStr

from analytics_platform.adapters.control_store.migrations import migrate
from analytics_platform.adapters.embedded_broker import EmbeddedBroker
from analytics_platform.cli.doctor_streaming import examine_streaming
from analytics_platform.cli.finding import Finding
from analytics_platform.settings import PortSettings, Settings, StreamingSettings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    ports = PortSettings(sidecar=1)  # nobody listens there
    streaming = StreamingSettings(kafka=tmp_path / "none")
    return Settings(home=tmp_path, ports=ports, streaming=streaming)


def findings(settings: Settings) -> dict[str, Finding]:
    return {one.part: one for one in examine_streaming(settings)}


def test_an_embedded_broker_comes_with_its_limits_and_the_way_out(
    settings: Settings,
) -> None:
    found = findings(settings)["broker"]
    assert (found.state, "make kafka" in found.hint) == ("warning", True)
    assert "starts with the platform" in found.found
    assert "5 MiB" in found.found
    own = EmbeddedBroker(settings.home / "kafka")
    address = own.start()
    try:
        assert address.bootstrap in findings(settings)["broker"].found
    finally:
        own.stop()


def test_a_configured_broker_that_is_away_is_missing(settings: Settings) -> None:
    streaming = StreamingSettings(brokers="127.0.0.1:1")
    found = findings(settings.model_copy(update={"streaming": streaming}))["broker"]
    assert found.state == "missing"
    assert "127.0.0.1:1 does not answer" in found.found


def test_the_state_database_is_reachable_and_migrated(settings: Settings) -> None:
    found = findings(settings)["stream state"]
    assert (found.state, "migrate upgrade" in found.hint) == ("warning", True)
    migrate(settings.stream_state_url)
    assert findings(settings)["stream state"].state == "ok"


def test_a_state_database_that_is_away_is_missing_and_its_password_hidden(
    settings: Settings,
) -> None:
    url = SecretStr("postgresql+psycopg2://ada:sesame@127.0.0.1:1/state")
    streaming = StreamingSettings(state=url)
    found = findings(settings.model_copy(update={"streaming": streaming}))
    assert found["stream state"].state == "missing"
    assert "sesame" not in found["stream state"].model_dump_json()


def test_a_sidecar_that_does_not_run_is_no_problem(settings: Settings) -> None:
    found = findings(settings)["sidecar"]
    assert (found.state, found.found) == ("ok", "not running")


@pytest.fixture
def sidecar(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of a sidecar that says these problems of itself."""
    problems: dict[str, str] = request.param

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(503 if problems else 200)
            self.end_headers()
            checks = {"broker": "ok", **problems}
            self.wfile.write(json.dumps({"checks": checks}).encode())

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Health) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.parametrize(
    ("sidecar", "state", "words"),
    [
        ({}, "ok", "ready"),
        ({"partitions": "none yet"}, "warning", "not ready; partitions: none yet"),
    ],
    indirect=["sidecar"],
)
def test_a_sidecar_that_runs_says_whether_it_is_ready(
    settings: Settings, sidecar: int, state: str, words: str
) -> None:
    ports = PortSettings(sidecar=sidecar)
    found = findings(settings.model_copy(update={"ports": ports}))["sidecar"]
    assert found.state == state
    assert words in found.found
