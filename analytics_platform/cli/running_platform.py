"""The phases of `analytics up`, from the first page to the last green asset."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from datetime import time as time_of_day
from zoneinfo import ZoneInfo

from rich.console import Console

from analytics_platform.adapters import clock_state
from analytics_platform.adapters.platform_state import (
    PlatformState,
    clear_state,
    note_alive,
    write_state,
)
from analytics_platform.adapters.processes import ProcessId, end, family, identify
from analytics_platform.adapters.supervisor import Supervisor
from analytics_platform.cli import platform_services as services
from analytics_platform.cli import streaming_services as streaming
from analytics_platform.cli.environment import migrated_control_store
from analytics_platform.cli.page_key import kept_key, page_key
from analytics_platform.clock import ReplaySpec, parse_clock
from analytics_platform.contracts.domain import Domain
from analytics_platform.core import partitions
from analytics_platform.domains.loader import load_domain
from analytics_platform.errors import BlockedByCheck
from analytics_platform.settings import Settings

_CHECK_SECONDS = 0.5
_HEARTBEAT_SECONDS = 5.0
_ENDING_SECONDS = 10.0
_LIVE_PAGE_SECONDS = 120.0  # its kernels are compiled at the first start
LIVE_PAGE = "Live page"


class RunningPlatform:
    """One platform in one home, from `open` to `close`."""

    def __init__(self, settings: Settings, console: Console) -> None:
        self._settings = settings
        self._console = console
        self._domain = load_domain(settings.domain)
        self._supervisor = Supervisor(on_change=self._write_state)
        self._addresses: dict[str, str] = {}
        self._history: subprocess.Popen[bytes] | None = None
        self._history_failed = False
        self._last_heartbeat = 0.0
        self._broker: str | None = None  # the service, if it runs here

    def open(self) -> None:
        """Bring the control store up to date, then open Dagster's pages."""
        with self._phase("control store up to date"):
            migrated_control_store(self._settings)
            _mend_runs_left_behind()
            self._stop_clock_at_start()
        with self._phase("Dagster's pages open"):
            port = services.free_port()
            workspace = services.write_workspace(self._settings, port)
            self._supervisor.start(services.code_server(self._settings, port))
            services.wait_for_code(port, self._supervisor)
            self._supervisor.start(services.webserver(self._settings, workspace))
            url = f"http://localhost:{self._settings.ports.dagster}"
            services.wait_for_page(f"{url}/server_info", self._supervisor)
            self._announce("Dagster", url)
        self._workspace = workspace
        if self._domain.streams:
            self._prepare_streaming()

    def _prepare_streaming(self) -> None:
        """Begin early what takes its time; the batch platform may load topics too."""
        self._supervisor.start(streaming.kernels(self._settings))
        if streaming.starts_broker(self._settings):
            self._supervisor.start(streaming.broker(self._settings))
            self._broker = streaming.BROKER

    def load_history(self) -> None:
        """Materialize what the replay does not show, skipping what is there."""
        before = self._replay_start().date()
        keys = partitions.keys(self._domain.partitions, before=before)
        if not keys:  # the replay shows everything
            return
        with self._phase(f"history to {before} loaded, checked, modelled"):
            command = [sys.executable, "-m", "analytics_platform.cli.main"]
            command += ["materialize", "--missing", "--to", keys[-1]]
            self._history = subprocess.Popen(  # noqa: S603
                command,
                env=os.environ,
                start_new_session=True,  # a terminal's Ctrl-C goes to this one alone
            )
            self._supervisor.adopt(self._history.pid)
            while self._history.poll() is None:
                self._beat()
            code = self._history.returncode
        self._history_failed = code != 0
        if code == BlockedByCheck.exit_code:
            self._console.print("A blocking check is red: see the table above.")
        elif code:
            self._console.print(
                f"Loading history failed (exit code {code}); "
                "`analytics materialize --missing` tries again."
            )

    def start_replay(self) -> None:
        """Let the platform's time run and start what reacts to it."""
        with self._phase("replay started"):
            self._supervisor.start(services.daemon(self._settings, self._workspace))
            self._supervisor.start(services.mlflow(self._settings))
            self._announce("MLflow", f"http://localhost:{self._settings.ports.mlflow}")
            if replay := clock_state.read_state(self._settings.home):
                streaming.note_begin(self._settings, self._domain, replay.position)
                clock_state.resume_replay(self._settings.home, datetime.now(UTC))
        if self._domain.streams:
            self._start_streaming()

    def _start_streaming(self) -> None:
        """Start what turns events into live results, and what sends the events.

        Its page opens once something was published: without, nobody waits for it.
        """
        sidecar = streaming.sidecar(self._settings, needs=self._broker)
        self._supervisor.start(sidecar)
        page = f"http://localhost:{self._settings.ports.sidecar}"
        if self._history_failed:
            self._console.print("The live page opens once a snapshot is published:")
        else:
            with self._phase("live page open"):
                self._wait_for_live_page(f"{page}/health/live")
        page_key(self._settings, datetime.now(UTC))
        self._announce(LIVE_PAGE, page)
        if clock_state.read_state(self._settings.home):
            for replay in streaming.replays(
                self._settings, self._domain, needs=self._broker
            ):
                self._supervisor.start(replay)

    def _wait_for_live_page(self, url: str) -> None:
        deadline = time.monotonic() + _LIVE_PAGE_SECONDS
        while not services.answers(url) and time.monotonic() < deadline:
            self._beat()

    def keep(self) -> None:
        """Restart what ends, until interrupted."""
        while True:
            self._beat()

    def close(self) -> None:
        """End every process, stop the clock where it is, leave nothing behind."""
        if self._history and self._history.poll() is None:
            found = identify(self._history.pid)
            end(family(found) if found else [], grace_seconds=_ENDING_SECONDS)
            self._history.wait()
        self._supervisor.stop()
        replay = clock_state.read_state(self._settings.home)
        if replay and not replay.is_paused:
            clock_state.pause_replay(self._settings.home, datetime.now(UTC))
        clear_state(self._settings.home)

    def _stop_clock_at_start(self) -> None:
        """A first `up` begins at the replay's start; later ones where it stopped."""
        if self._settings.clock == "wall":
            return
        if clock_state.read_state(self._settings.home) is None:
            now = datetime.now(UTC)
            clock_state.start_replay(self._settings.home, self._replay(), now)
            clock_state.pause_replay(self._settings.home, now)

    def _replay(self) -> ReplaySpec:
        named = parse_clock(self._settings.clock) if self._settings.clock else None
        return named or replay_of(self._domain)

    def _replay_start(self) -> datetime:
        return self._replay().start.astimezone(ZoneInfo(self._domain.timezone))

    def _announce(self, name: str, address: str) -> None:
        self._addresses[name] = address
        print_address(self._console, self._settings, name, address)
        self._write_state()

    def _write_state(self) -> None:
        running = self._supervisor.identities()
        history = identify(self._history.pid) if self._history else None
        if history:
            running["history"] = history
        state = PlatformState(
            supervisor=_this_process(),
            services=running,
            addresses=self._addresses,
            seen_at=datetime.now(UTC),
        )
        write_state(self._settings.home, state)

    def _beat(self) -> None:
        time.sleep(_CHECK_SECONDS)
        now = time.monotonic()
        self._supervisor.check(now)
        if now - self._last_heartbeat > _HEARTBEAT_SECONDS:
            self._last_heartbeat = now
            note_alive(self._settings.home, datetime.now(UTC))

    @contextmanager
    def _phase(self, outcome: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self._console.print(f"[{time.monotonic() - started:6.1f} s] {outcome}")


def print_address(
    console: Console, settings: Settings, name: str, address: str
) -> None:
    """Say where a page is; with the key that opens it, which is kept elsewhere."""
    key = kept_key(settings) if name == LIVE_PAGE else None
    console.print(
        f"  {name:<10}{address}{f'/#key={key}' if key else ''}", soft_wrap=True
    )


def _mend_runs_left_behind() -> None:
    """Mark failed what the last platform left running: what launches runs has ended."""
    from analytics_platform.defs.dead_runs import mend_dead_runs
    from analytics_platform.defs.instance import open_instance

    with open_instance() as instance:
        mend_dead_runs(instance, launcher_ended=True)


def replay_of(domain: Domain) -> ReplaySpec:
    """The replay that the domain declares, from midnight in its time zone."""
    zone = ZoneInfo(domain.timezone)
    midnight = datetime.combine(domain.replay.start, time_of_day(), zone)
    return ReplaySpec(midnight.astimezone(UTC), domain.replay.speed)


def _this_process() -> ProcessId:
    found = identify(os.getpid())
    if found is None:
        raise RuntimeError("this process has no entry in the process table")
    return found
