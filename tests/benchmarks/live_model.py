"""Times predictions in process, and what a swap of the snapshot costs.

Of a home that holds a released model: `make bench-live-model ARGS="--home var"`, or
without one of a home that is made first, with a year of data. The departures are those
of eight days, as the replay sends them; their inputs are compared with the published
feature tables too.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from analytics_platform.adapters.replay_events import EventReplay
from analytics_platform.adapters.snapshots import Snapshot
from analytics_platform.core.training.columns import feature_column
from analytics_platform.domains.flights import DOMAIN
from analytics_platform.observability import configure_logging
from analytics_platform.settings import Settings
from streaming.assembly import Stores
from streaming.decoding import Decoder
from streaming.live_inputs import LiveInputs
from streaming.live_model import LiveModel
from tests.support.raw_records import FakeRecords

Times = NDArray[np.float64]
STREAM = DOMAIN.streams[0]
DAYS = 8
CALLS = {1: 2_000, 10: 1_000, 100: 300}  # by the departures of a call
SWAPS = 10
TICK_SECONDS = 0.001


def main() -> None:
    """Print one line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path)
    home: Path | None = parser.parse_args().home
    if home is None:
        home = Path(tempfile.mkdtemp(prefix="live-model-"))
        _make(home)
    configure_logging(format="console", level="WARNING")
    print(f"load {os.getloadavg()[0]:.1f}, memory before {_resident()} MB")
    stores = Stores.open(Settings(home=home))
    started = time.process_time()
    (model,) = stores.models(DOMAIN)
    snapshot = stores.snapshots.current()
    if model.versions is None or snapshot is None:
        sys.exit(f"No model is released in {home}.")
    spent = time.process_time() - started
    print(f"first load: {spent:.2f} CPU-s, memory {_resident()} MB")
    events = _departures(model, snapshot)
    for size in CALLS:
        _time_calls(model, events, size)
    asyncio.run(_time_swaps(model))
    _compare(model, snapshot, events)  # last: it imports pandas


def _make(home: Path) -> None:
    command = [sys.executable, "-m", "analytics_platform.cli.main", "materialize"]
    environment = {**os.environ, "ANALYTICS_HOME": str(home)}
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)


def _departures(model: LiveModel, snapshot: Snapshot) -> "Departures":
    with pq.ParquetFile(snapshot.path("fct_flights")) as file:
        last = max(file.read(columns=["flight_date"])["flight_date"].to_pylist())
    end = datetime(last.year, last.month, last.day, 5, tzinfo=UTC)
    values = [
        one.value
        for one in EventReplay(DOMAIN, STREAM).events(end - timedelta(days=DAYS), end)
        if b'"departure"' in one.value
    ]
    decoder = Decoder(STREAM, model.fields | {"flight_key"})
    return Departures(decoder, decoder.decode(FakeRecords(values)).events)


class Departures:
    """Decoded events."""

    def __init__(self, decoder: Decoder, events: Sequence[Any]) -> None:
        self.decoder, self.events = decoder, events


def _inputs(model: LiveModel) -> LiveInputs:
    loaded = model._loaded
    assert loaded is not None
    return loaded.inputs


def _compare(model: LiveModel, snapshot: Snapshot, departures: Departures) -> None:
    """Live inputs and the rows of the published feature tables, bit by bit."""
    inputs = _inputs(model)
    columns = departures.decoder.columns(departures.events)
    matrix, keys = inputs.matrix(columns), columns.items("flight_key")
    names = [one.name for one in inputs._inputs]
    values = unequal = 0
    for view in inputs.features.views:
        table = pq.read_table(snapshot.path(view.name))
        places = {key: at for at, key in enumerate(table["flight_key"].to_pylist())}
        rows = pa.array([places[key] for key in keys])
        for feature in view.features:
            name = feature_column(view.name, feature.name)
            if name not in names:
                continue
            stored = table[feature.name].take(rows).cast(pa.float64()).to_numpy()
            live, batch = matrix[:, names.index(name)], stored.astype(np.float32)
            same = (live == batch) | (np.isnan(live) & np.isnan(batch))
            values, unequal = values + same.size, unequal + int((~same).sum())
    print(
        f"{len(keys):,} departures: {unequal} of {values:,} features differ from "
        "those of the published feature tables"
    )


def _time_calls(model: LiveModel, departures: Departures, size: int) -> None:
    """Whole predictions, and of these the inputs and the model alone."""
    events, make = departures.events, departures.decoder.columns
    inputs, onnx = _inputs(model), model._loaded.model  # type: ignore[union-attr]
    batches = [
        events[at : at + size]
        for at in np.arange(CALLS[size]) * size % (len(events) - size)
    ]
    matrices = [inputs.matrix(make(one)) for one in batches]
    calls = len(batches)
    whole, spent = _each(lambda at: model.predict(make(batches[at])), calls)
    parts = {
        "inputs": _each(lambda at: inputs.matrix(make(batches[at])), calls),
        "model": _each(lambda at: onnx.predict(matrices[at]), calls),
    }
    told = ", ".join(f"{name} {np.median(ms):.2f}" for name, (ms, _) in parts.items())
    p50, p99, p999 = np.percentile(whole, [50, 99, 99.9])
    print(
        f"{size:>3} departures: p50 {p50:.2f} ms, p99 {p99:.2f}, p99.9 {p999:.2f}; "
        f"processor p50 {np.median(spent):.2f}, p99 {np.percentile(spent, 99):.2f}; "
        f"of the median: {told}"
    )


def _each(call: Callable[[int], object], calls: int) -> tuple[Times, Times]:
    """Milliseconds of each call: of the wall, and of the processor."""
    found = np.empty((2, calls))
    for at in range(calls):
        started = time.perf_counter(), time.thread_time()
        call(at)
        found[0, at] = time.perf_counter() - started[0]
        found[1, at] = time.thread_time() - started[1]
    return found[0] * 1_000, found[1] * 1_000


async def _time_swaps(model: LiveModel) -> None:
    """The snapshot is taken for a new one; meanwhile the loop ticks."""
    gaps: list[float] = []
    ticking = asyncio.create_task(_tick(gaps))
    await asyncio.sleep(0.2)
    idle, spent, memory = max(gaps), [], []
    gaps.clear()
    for number in range(SWAPS):
        _outdate(model, f"before-{number}")
        started = time.process_time()
        assert await asyncio.to_thread(model.refresh)
        spent.append(time.process_time() - started)
        memory.append(_resident())
    ticking.cancel()
    print(
        f"{SWAPS} swaps: {np.mean(spent):.2f} CPU-s each; the loop waited at most "
        f"{max(gaps) * 1_000:.0f} ms ({idle * 1_000:.0f} without a swap)"
    )
    print(f"memory after each: {', '.join(map(str, memory))} MB")


def _outdate(model: LiveModel, snapshot: str) -> None:
    """Let it take what it has read for an older snapshot."""
    loaded = model._loaded
    assert loaded is not None
    loaded.inputs.snapshot_version = snapshot
    versions = replace(loaded.versions, snapshot=snapshot)
    model._loaded = replace(loaded, versions=versions)


async def _tick(gaps: list[float]) -> None:
    while True:
        started = time.perf_counter()
        await asyncio.sleep(TICK_SECONDS)
        gaps.append(time.perf_counter() - started - TICK_SECONDS)


def _resident() -> int:
    """The process's memory in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) >> 10
    return 0


if __name__ == "__main__":
    main()
