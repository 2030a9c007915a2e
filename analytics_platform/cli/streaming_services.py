"""The streaming services of `analytics up`: broker, sidecar and the events' replay."""

import sys
from datetime import datetime

from analytics_platform.adapters.brokers import BrokerKind, chosen_kind, find_broker
from analytics_platform.adapters.replay_position import PositionFile
from analytics_platform.adapters.supervisor import Service
from analytics_platform.cli.platform_services import log_file
from analytics_platform.contracts.domain import Domain
from analytics_platform.core.pacing import Position
from analytics_platform.errors import NotFound
from analytics_platform.settings import Settings

BROKER, SIDECAR, KERNELS = "broker", "sidecar", "kernels"


def ports_used(settings: Settings, domain: Domain) -> list[str]:
    """Names of the ports on which services of `analytics up` will listen."""
    names = ["dagster", "mlflow"]
    if domain.streams:
        names.append("sidecar")
        # The embedded broker takes any port that is free.
        if starts_broker(settings) and chosen_kind(settings) is BrokerKind.ASSEMBLED:
            names.append("kafka")
    return names


def starts_broker(settings: Settings) -> bool:
    """Whether none is configured, and none was started in this home beforehand."""
    try:
        find_broker(settings)
    except NotFound:
        return True
    return False


def kernels(settings: Settings) -> Service:
    """Compiles what the sidecar runs, which takes half a minute in a new home."""
    return Service(
        KERNELS,
        [sys.executable, "-m", "streaming.compile_kernels"],
        log_file(settings, KERNELS),
        settings.home,
        may_finish=True,
    )


def broker(settings: Settings) -> Service:
    """The broker of this home: Kafka where it was assembled, else the embedded one."""
    return _service(settings, BROKER, ["broker", "run"])


def sidecar(settings: Settings, *, needs: str | None) -> Service:
    """Live windows and predictions, and their page."""
    return _service(settings, SIDECAR, ["sidecar", "--join"], needs=needs)


def replays(settings: Settings, domain: Domain, *, needs: str | None) -> list[Service]:
    """What sends the events of each stream as the platform's clock passes them."""
    return [
        _service(
            settings,
            f"replay-{stream.name}",
            ["replay", "--follow", "--stream", stream.name],
            needs=needs,
            may_finish=True,
        )
        for stream in domain.streams
    ]


def note_begin(settings: Settings, domain: Domain, at: datetime) -> None:
    """Have replays that never ran begin at this instant, whenever they are ready."""
    for stream in domain.streams:
        file = PositionFile.of(settings.home, stream)
        if not file.path.exists():
            file.keep(Position(int(at.timestamp() * 1000)))


def _service(
    settings: Settings,
    name: str,
    arguments: list[str],
    *,
    needs: str | None = None,
    may_finish: bool = False,
) -> Service:
    return Service(
        name,
        [sys.executable, "-m", "analytics_platform.cli.main", *arguments],
        log_file(settings, name),
        settings.home,
        may_finish=may_finish,
        needs=needs,
    )
