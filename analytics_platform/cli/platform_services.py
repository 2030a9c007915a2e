"""The services of `analytics up`: code server, Dagster's pages and daemon, MLflow."""

import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path

from analytics_platform.adapters.processes import port_owner
from analytics_platform.adapters.supervisor import Service, Supervisor
from analytics_platform.errors import InvalidUsage, Unavailable
from analytics_platform.settings import Settings

_READY_SECONDS = 180.0
_POLL_SECONDS = 0.3


def require_free_ports(settings: Settings, names: Iterable[str]) -> None:
    """Check the ports of these names before anything starts.

    Raises:
        InvalidUsage: a port is taken; names its owner.
    """
    for name in names:
        port = getattr(settings.ports, name)
        owner = port_owner(port)
        if owner:
            raise InvalidUsage(
                f"Port {port} for {name} is taken by {owner}.",
                hint=f"End it, or set ANALYTICS_PORTS__{name.upper()} to another port.",
            )


def code_server(settings: Settings, port: int) -> Service:
    """One process that holds the definitions for pages and daemon alike."""
    return Service(
        "code",
        [
            *(_script("dagster"), "code-server", "start"),
            *("-m", "analytics_platform.definitions"),
            *("--location-name", "analytics_platform"),
            *("-h", "127.0.0.1", "-p", str(port)),
        ],
        log_file(settings, "code"),
        settings.home,
    )


def webserver(settings: Settings, workspace: Path) -> Service:
    """Dagster's pages."""
    port = str(settings.ports.dagster)
    command = ["-w", str(workspace), "-h", "127.0.0.1", "-p", port]
    return Service(
        "dagster",
        [_script("dagster-webserver"), *command],
        log_file(settings, "dagster"),
        settings.home,
    )


def daemon(settings: Settings, workspace: Path) -> Service:
    """What evaluates sensors and automation, and launches queued runs."""
    return Service(
        "daemon",
        [_script("dagster-daemon"), "run", "-w", str(workspace)],
        log_file(settings, "daemon"),
        settings.home,
    )


def mlflow(settings: Settings) -> Service:
    """MLflow's pages; one worker, because each costs 400 MB."""
    return Service(
        "mlflow",
        [
            *(sys.executable, "-m", "analytics_platform.adapters.mlflow_server"),
            *("--backend-store-uri", settings.mlflow_tracking_uri),
            *("--host", "127.0.0.1", "--port", str(settings.ports.mlflow)),
            *("--workers", "1"),
        ],
        log_file(settings, "mlflow"),
        settings.home,
        {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
    )


def write_workspace(settings: Settings, port: int) -> Path:
    """A workspace file that points pages and daemon to the code server."""
    path = settings.home / "run" / "workspace.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "load_from:\n"
        "  - grpc_server:\n"
        "      host: 127.0.0.1\n"
        f"      port: {port}\n"
        "      location_name: analytics_platform\n"
    )
    return path


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def wait_for_code(port: int, supervisor: Supervisor) -> None:
    """Wait until the code server listens.

    Raises:
        Unavailable: it did not within three minutes.
    """
    _wait(lambda: port_owner(port) is not None, "code", supervisor)


def wait_for_page(url: str, supervisor: Supervisor) -> None:
    """Wait until `url` answers.

    Raises:
        Unavailable: it did not within three minutes.
    """
    _wait(lambda: answers(url), "dagster", supervisor)


def log_file(settings: Settings, name: str) -> Path:
    """Where a service's output goes."""
    return settings.home / "logs" / f"{name}.log"


def answers(url: str) -> bool:
    """Whether a page of this machine opens."""
    try:
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - loopback only
            return True
    except (urllib.error.URLError, OSError):
        return False


def _script(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _wait(ready: Callable[[], bool], name: str, supervisor: Supervisor) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while not ready():
        supervisor.check(time.monotonic())
        if time.monotonic() > deadline:
            raise Unavailable(
                f"{name} did not answer within {_READY_SECONDS:.0f} s.",
                hint="Its log is in <home>/logs.",
            )
        time.sleep(_POLL_SECONDS)
