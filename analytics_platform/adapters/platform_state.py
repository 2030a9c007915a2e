"""Which platform runs in a home: its supervisor, services and addresses."""

from datetime import datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict

from analytics_platform.adapters.durable_files import write_atomically
from analytics_platform.adapters.processes import ProcessId, end, family, is_alive

_GRACE_SECONDS = 10.0


class PlatformState(BaseModel):
    """What a running platform writes down for other commands to find it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    supervisor: ProcessId
    services: dict[str, ProcessId] = {}
    addresses: dict[str, str] = {}
    seen_at: AwareDatetime

    @property
    def is_running(self) -> bool:
        """Whether the supervisor that wrote this is still that process."""
        return is_alive(self.supervisor)


def read_state(home: Path) -> PlatformState | None:
    """The platform last started in `home`; None after an orderly end."""
    path = _path(home)
    if not path.exists():
        return None
    return PlatformState.model_validate_json(path.read_bytes())


def write_state(home: Path, state: PlatformState) -> None:
    """Replace what is written down, in one step."""
    path = _path(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, state.model_dump_json(indent=2).encode())


def note_alive(home: Path, now: datetime) -> None:
    """Write down that the platform still ran at the wall instant `now`.

    After a kill this is where its replay goes on.
    """
    state = read_state(home)
    if state is not None:
        write_state(home, state.model_copy(update={"seen_at": now}))


def clear_state(home: Path) -> None:
    """Forget the platform: it has ended in order."""
    _path(home).unlink(missing_ok=True)


def end_services(state: PlatformState) -> None:
    """End every service of a platform, and all that they started."""
    members = [m for service in state.services.values() for m in family(service)]
    end(members, grace_seconds=_GRACE_SECONDS)


def _path(home: Path) -> Path:
    return home / "run" / "platform.json"
