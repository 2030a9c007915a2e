"""What state commits cost at 100,000 events a second, beside a bare SQLite commit.

Every line commits what an engine of 4 partitions would: the offsets, the cells that
changed since the last commit (44 bytes each, made before the clock runs), and once a
second of event time the results of the window that closed. `core` is the share of one
core that the commits take; `ratio` is to a bare compare-and-swap of one row, committed
as often in the same run. Encoding the results counts, gathering the cells does not:
`make bench-stream` measures the engine.
"""

import argparse
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analytics_platform.adapters.control_store.migrations import migrate
from analytics_platform.core.column_blobs import Column
from analytics_platform.core.live_results import LiveResults
from analytics_platform.observability import configure_logging
from streaming.checkpoints.claims import Jump
from streaming.checkpoints.store import CheckpointStore
from streaming.checkpoints.values import (
    Commit,
    Committed,
    Move,
    ResultBlob,
    Source,
    StateKey,
)

EVENTS_PER_SECOND = 100_000
PARTITIONS = 4
CELL_BYTES = 44
SOURCE = Source("bench", "events")
WINDOW = "bench"


@dataclass(frozen=True)
class Load:
    """What is committed: keys, slices that are open at once, pause of commits."""

    keys: int
    slices: int
    every_ms: int

    def __str__(self) -> str:
        shape = "tumbling 1 s" if self.slices == 1 else f"hopping {self.slices}/1 s"
        return f"{self.keys:7,} keys, {shape:12}, every {self.every_ms:3} ms"


@dataclass(frozen=True)
class Measured:
    """Seconds of processor and of wall time of each commit, and what restoring took."""

    processor: Sequence[float]
    wall: Sequence[float]
    restore: float
    megabytes: float


def main() -> None:
    """Print one line per load."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=30, help="stream time of a line")
    parser.add_argument("--url", help="a migrated, empty database; a file by default")
    arguments = parser.parse_args()
    configure_logging(format="console", level="WARNING")
    cores = os.cpu_count()
    print(f"{EVENTS_PER_SECOND:,} events/s, {PARTITIONS} partitions, {cores} cores")
    for every in (20, 100, 500):
        for keys in (1_000, 100_000):
            for slices in (1, 10):
                run(Load(keys, slices, every), arguments.seconds, arguments.url)


def run(load: Load, seconds: int, url: str | None) -> None:
    """Measure one load, and bare commits before and after it; print them."""
    with tempfile.TemporaryDirectory(prefix="checkpoints-") as folder:
        path = Path(folder) / "stream.sqlite"
        if url is None:
            migrate(f"sqlite:///{path}")
        store = CheckpointStore.open(url or f"sqlite:///{path}")
        bare = bare_commits(Path(folder) / "bare.sqlite", 200)
        measured = measure(store, load, seconds)
        store.close()
    share = np.sum(measured.processor) / seconds
    bare_share = bare * 1_000 / load.every_ms
    p50, p99 = np.percentile(measured.wall, [50, 99]) * 1e3
    print(
        f"{load}: {100 * share:5.2f} % of a core, {share / bare_share:5.1f} x bare "
        f"({1e3 * bare:.2f} ms), wall p50 {p50:6.2f} p99 {p99:7.2f} ms, "
        f"{measured.megabytes / seconds:5.1f} MB/s, restore "
        f"{1e3 * measured.restore:6.1f} ms, load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


def bare_commits(path: Path, count: int) -> float:
    """Processor seconds of a bare compare-and-swap commit, the mean of `count`."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("pragma journal_mode = wal")
    database.execute("pragma synchronous = full")
    database.execute("create table place (id integer primary key, epoch, next)")
    database.execute("insert into place values (1, 1, 0)")
    began = time.process_time()
    for number in range(count):
        database.execute("begin immediate")
        database.execute(
            "update place set next = ? where id = 1 and epoch = 1 and next = ?",
            (number + 1, number),
        )
        database.execute("commit")
    spent = (time.process_time() - began) / count
    database.close()
    return spent


def measure(store: CheckpointStore, load: Load, seconds: int) -> Measured:
    """Commit `seconds` of stream time as fast as it goes."""
    store.declare(SOURCE, {WINDOW: str(load)}, now_ms=0)
    claims = store.claim(SOURCE, range(PARTITIONS), owner="bench", now_ms=0)
    epochs = {partition: claim.epoch for partition, claim in claims.items()}
    for partition in claims:
        store.begin_at(SOURCE, partition, Jump(0, "bench", 0))
    engine = _Engine(load)
    done: Committed | None = None
    processor, wall, size = [], [], 0
    for step in range(seconds * 1_000 // load.every_ms):
        ready = engine.step(step, done.snapshots_due if done else frozenset())
        began = time.process_time(), time.perf_counter()
        done = store.commit(ready.commit(epochs, step))
        processor.append(time.process_time() - began[0])
        wall.append(time.perf_counter() - began[1])
        size += done.bytes
    return Measured(processor, wall, _restore(store), size / 1e6)


def _restore(store: CheckpointStore) -> float:
    began = time.perf_counter()
    store.claim(SOURCE, range(PARTITIONS), owner="next", now_ms=1)
    for partition in range(PARTITIONS):
        store.load(SOURCE, partition, WINDOW)
    return time.perf_counter() - began


@dataclass(frozen=True)
class _Ready:
    """What the engine hands over for one commit."""

    events: int
    deltas: dict[StateKey, bytes]
    snapshots: dict[StateKey, bytes]
    results: dict[int, LiveResults]

    def commit(self, epochs: dict[int, int], step: int) -> Commit:
        first = step * self.events
        return Commit(
            SOURCE,
            {p: Move(epoch, first, first + self.events) for p, epoch in epochs.items()},
            step,
            self.deltas,
            self.snapshots,
            [ResultBlob.of(WINDOW, p, rows) for p, rows in self.results.items()],
        )


class _Engine:
    """Draws keys at random and tells how many cells a real engine would write."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._keys = load.keys // PARTITIONS
        self._random = np.random.default_rng(7)
        self._names = [f"key-{number:06}" for number in range(self._keys)]
        self._blob = self._random.bytes(self._keys * load.slices * CELL_BYTES * 2)
        self._closed: Iterator[int] = iter(range(1 << 40))

    def step(self, step: int, due: frozenset[StateKey]) -> _Ready:
        events = EVENTS_PER_SECOND * self._load.every_ms // 1_000 // PARTITIONS
        keys = [(WINDOW, partition) for partition in range(PARTITIONS)]
        closes = (step + 1) * self._load.every_ms % 1_000 == 0
        open_slices = min(self._load.slices, 1 + step * self._load.every_ms // 1_000)
        live = self._keys * open_slices * CELL_BYTES
        return _Ready(
            events=events,
            deltas={key: self._changed(events) for key in keys if key not in due},
            snapshots={key: bytes(self._blob[:live]) for key in keys if key in due},
            results={p: self._results(step) for _, p in keys} if closes else {},
        )

    def _changed(self, events: int) -> bytes:
        """The cells of one slice that so many events touch."""
        touched = np.unique(self._random.integers(0, self._keys, events)).size
        return bytes(self._blob[: touched * CELL_BYTES])

    def _results(self, step: int) -> LiveResults:
        """All keys that a window of the load's length holds."""
        events = EVENTS_PER_SECOND * self._load.slices // PARTITIONS
        keys = np.unique(self._random.integers(0, self._keys, events))
        numbers = self._random.normal(size=keys.size)
        start = step // 10 * 10_000
        return LiveResults(
            keys=[self._names[key] for key in keys.tolist()],
            kinds=np.zeros(keys.size, np.int64),
            start_ms=np.full(keys.size, start),
            end_ms=np.full(keys.size, start + 1_000 * self._load.slices),
            revisions=np.ones(keys.size, np.int64),
            values={
                "count": Column(self._random.integers(1, 50, keys.size)),
                **{name: Column(numbers) for name in ("sum", "min", "max")},
            },
        )


if __name__ == "__main__":
    main()
