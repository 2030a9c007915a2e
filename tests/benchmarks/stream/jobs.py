"""What is measured, and the shipped sidecar as a process to take measures of."""

import multiprocessing
import os
import re
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path

import psutil
from pydantic import SecretStr

from analytics_platform.adapters.brokers import Broker
from analytics_platform.adapters.live_results import Coverage, LiveResultReader, Span
from analytics_platform.contracts.domain import Domain
from analytics_platform.contracts.streams import EventTopic, WindowSpec
from analytics_platform.observability import configure_logging
from analytics_platform.settings import PortSettings, Settings, StreamingSettings
from streaming.sidecar import run_sidecar
from tests.domains import readings as domain
from tests.support.live_sidecar import free_port

WINDOW = "measured"
SPAWN = multiprocessing.get_context("spawn")
_EVER = Span(-(2**62), 2**62)
_SECOND = timedelta(seconds=1)
_STATE_DELAY_SECONDS = 0.01
WINDOWS = {
    "tumbling": WindowSpec(type="tumbling", size=_SECOND),
    "tenth": WindowSpec(type="tumbling", size=_SECOND / 10),
    "minute": WindowSpec(type="tumbling", size=60 * _SECOND),
    "hopping": WindowSpec(type="hopping", size=10 * _SECOND, slide=_SECOND),
    "session": WindowSpec(type="session", gap=timedelta(milliseconds=100)),
}


@dataclass(frozen=True)
class Job:
    """One live window over readings of so many sensors."""

    window: str
    keys: int
    quantiles: bool = False
    metrics: tuple[str, ...] = domain.METRICS

    @property
    def title(self) -> str:
        """What its line is called."""
        more = " + p50, p95, p99" if self.quantiles else ""
        return f"{self.window}{more}, {self.keys:,} keys"

    def domain(self, topic: str) -> Domain:
        """A domain with this one live window."""
        metrics = self.metrics + (domain.QUANTILES if self.quantiles else ())
        window = domain.live_window(WINDOW, WINDOWS[self.window], metrics=metrics)
        stream = domain.STREAM.model_copy(
            update={"topics": (EventTopic(name=topic, key="sensor"),)}
        )
        return domain.DOMAIN.model_copy(
            update={"streams": (stream,), "live_windows": (window,)}
        )


def settings_of(
    broker: Broker, home: Path, topic: str, *, state: str | None = None
) -> Settings:
    """Settings of a sidecar; `state` is the URL of a state database elsewhere."""
    return Settings(
        home=home,
        ports=PortSettings(sidecar=free_port()),
        streaming=StreamingSettings(
            brokers=broker.bootstrap,
            group=topic,
            state=SecretStr(state) if state else None,
        ),
    )


@contextmanager
def sidecar(settings: Settings, of: Domain) -> Iterator[BaseProcess]:
    """The sidecar, as `analytics sidecar` runs it, until the end of the block."""
    process = SPAWN.Process(target=_serve, args=(settings, of), daemon=True)
    process.start()
    try:
        yield process
    finally:
        process.terminate()
        process.join(30)


def _serve(settings: Settings, of: Domain) -> None:
    configure_logging(format="console", level="ERROR")
    profile = os.environ.get("PROFILE")
    if not profile:
        run_sidecar(settings, of)
        return
    import cProfile

    profiler = cProfile.Profile()
    profiler.runcall(run_sidecar, settings, of)
    profiler.dump_stats(f"{profile}.{os.getpid()}")


@dataclass(frozen=True)
class Committed:
    """What a sidecar has committed to its state database."""

    settings: Settings

    def places(self) -> list[Coverage]:
        """How far each partition is; none before the sidecar has begun."""
        reader = LiveResultReader.open(self.settings.stream_state_url)
        try:
            sources = reader.sources()
            return reader.coverage(sources[0]) if sources else []
        finally:
            reader.close()

    def wait_for(self, ends: Sequence[int], seconds: float = 300) -> None:
        """Wait until every partition has reached its offset.

        Raises:
            TimeoutError: it has not, within this time.
        """
        reader = LiveResultReader.open(self.settings.stream_state_url)
        deadline = time.monotonic() + seconds
        try:
            while time.monotonic() < deadline:
                sources = reader.sources()
                places = reader.coverage(sources[0]) if sources else []
                found = {one.partition: one.next_offset for one in places}
                if all(found.get(n, -1) >= end for n, end in enumerate(ends)):
                    return
                time.sleep(_STATE_DELAY_SECONDS)
        finally:
            reader.close()
        raise TimeoutError("the sidecar has not committed everything")

    def wait_for_start(self) -> None:
        """Wait until it owns every partition, with nothing to do."""
        self.wait_for([0] * domain.PARTITIONS)

    def windows(self) -> dict[tuple[str, int], int]:
        """Events counted in each window, by key and end."""
        reader = LiveResultReader.open(self.settings.stream_state_url)
        rows = reader.results(reader.source(WINDOW), _EVER)
        reader.close()
        counts = rows.values[domain.METRICS[0]].values.tolist() if len(rows) else []
        ends = rows.end_ms.tolist()
        return dict(zip(zip(rows.keys, ends, strict=True), counts, strict=True))

    def counted(self) -> tuple[int, int, int]:
        """Windows, the events in them, and late (event, window) pairs."""
        reader = LiveResultReader.open(self.settings.stream_state_url)
        source = reader.source(WINDOW)
        rows = reader.results(source, _EVER)
        late = int(reader.late(source, _EVER).events.sum())
        reader.close()
        counts = rows.values[domain.METRICS[0]].values.sum() if len(rows) else 0
        return len(rows), int(counts), late


def scraped(settings: Settings) -> dict[str, float]:
    """The sidecar's metrics, by name and labels as Prometheus writes them."""
    address = f"http://127.0.0.1:{settings.ports.sidecar}/metrics"
    with urllib.request.urlopen(address, timeout=10) as answer:
        text = answer.read().decode()
    found = re.findall(r"^analytics_stream_(\S+) (\S+)$", text, re.MULTILINE)
    return {name: float(value) for name, value in found}


def cpu_seconds(pid: int | None) -> float:
    """Processor time that a process has used so far."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def load() -> str:
    """The machine's load, for the end of a line."""
    return f"load {os.getloadavg()[0]:.1f}"
