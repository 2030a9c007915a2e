"""`analytics up` and `analytics down`: the whole platform, started and ended."""

import signal
from types import FrameType

from rich.console import Console

from analytics_platform.adapters.platform_state import (
    PlatformState,
    clear_state,
    end_services,
    read_state,
)
from analytics_platform.adapters.processes import end
from analytics_platform.cli.environment import prepare
from analytics_platform.cli.platform_services import require_free_ports
from analytics_platform.cli.running_platform import RunningPlatform, print_address
from analytics_platform.cli.streaming_services import ports_used
from analytics_platform.cli.terminal import open_console
from analytics_platform.domains.loader import load_domain
from analytics_platform.settings import Settings

_DOWN_SECONDS = 45.0  # history, then what needs the broker, then all the others


def up() -> None:
    """Load history, train, start the replay, and keep everything running."""
    settings = prepare()
    console = open_console()
    state = read_state(settings.home)
    if state and state.is_running:
        console.print("The platform is already running:")
        print_addresses(console, settings, state)
        return
    _clear_leftovers(settings, state)
    require_free_ports(settings, ports_used(settings, load_domain(settings.domain)))
    signal.signal(signal.SIGTERM, _as_interrupt)
    platform = RunningPlatform(settings, console)
    try:
        platform.open()
        platform.load_history()
        platform.start_replay()
        console.print("Everything runs. Ctrl-C (or `make down`) ends it.")
        platform.keep()
    except KeyboardInterrupt:
        console.print("Ending.")
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        platform.close()


def down() -> None:
    """End the running platform and everything it started."""
    settings = prepare()
    state = read_state(settings.home)
    if state is None:
        print("Nothing is running.")
        return
    if state.is_running:
        end([state.supervisor], grace_seconds=_DOWN_SECONDS)
    _clear_leftovers(settings, read_state(settings.home))
    print("The platform has ended.")


def print_addresses(console: Console, settings: Settings, state: PlatformState) -> None:
    """Where the pages are."""
    for name, address in state.addresses.items():
        print_address(console, settings, name, address)


def _clear_leftovers(settings: Settings, state: PlatformState | None) -> None:
    """End what a killed platform left, and put its clock back to its last moment."""
    if state is None:
        return
    from analytics_platform.adapters import clock_state

    end_services(state)
    replay = clock_state.read_state(settings.home)
    if replay and not replay.is_paused:
        clock_state.pause_replay(settings.home, state.seen_at)
    clear_state(settings.home)


def _as_interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
