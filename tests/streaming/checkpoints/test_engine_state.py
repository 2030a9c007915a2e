"""An engine that is restored from the store goes on as if it had never ended."""

import random
from pathlib import Path

import numpy as np
import pytest

from analytics_platform.adapters.live_results import LiveResultReader, Span
from analytics_platform.core.column_blobs import Column
from analytics_platform.core.live_results import LiveResults, RowKind
from streaming.checkpoints import holdings
from streaming.checkpoints.claims import Jump
from streaming.checkpoints.store import CheckpointStore
from streaming.checkpoints.values import Commit, Move, ResultBlob, StateKey
from streaming.windows.definition import StreamRules, WindowDefinition
from streaming.windows.emissions import Emissions
from streaming.windows.engine import WindowEngine
from streaming.windows.layout import RETRACTION, WINDOW
from streaming.windows.slots import Batch
from tests.support.checkpoint_stores import SOURCE

KEYS, EVENTS, BATCH = 5, 1_200, 40
RULES = StreamRules(out_of_orderness_ms=300)
DEFINITIONS = {
    "tumbling": WindowDefinition("tumbling", size_ms=1_000, allowed_lateness_ms=500),
    "hopping": WindowDefinition("hopping", size_ms=2_000, slide_ms=500),
    "session": WindowDefinition("session", gap_ms=120, allowed_lateness_ms=400),
}


def events(seed: int) -> Batch:
    """Events of one partition, somewhat out of order, some too late."""
    chance = np.random.default_rng(seed)
    times = np.arange(EVENTS) * 25 - chance.integers(0, 900, EVENTS)
    return Batch(
        ts_ms=times.astype(np.int64),
        partition=np.zeros(EVENTS, np.int32),
        key=chance.integers(0, KEYS, EVENTS).astype(np.int32),
    )


def rows_of(emitted: Emissions) -> LiveResults:
    """Windows and retractions among what an engine emitted."""
    rows = np.flatnonzero(np.isin(emitted.kinds, [WINDOW, RETRACTION]))
    kinds = emitted.kinds[rows] == RETRACTION
    return LiveResults(
        keys=[f"key-{key}" for key in emitted.keys[rows].tolist()],
        kinds=np.where(kinds, int(RowKind.RETRACTION), int(RowKind.WINDOW)),
        start_ms=emitted.starts[rows],
        end_ms=emitted.ends[rows],
        revisions=emitted.revisions[rows],
        values={"count": Column(emitted.counts[rows])},
    )


class Sidecar:
    """Claims, restores and commits as a real one does; batch n is offset n."""

    def __init__(self, url: str, name: str) -> None:
        self.definition = DEFINITIONS[name]
        self.name = name
        self.store = CheckpointStore.open(url)
        self.store.declare(SOURCE, {name: self.definition.fingerprint()}, now_ms=1)
        claim = self.store.claim(SOURCE, [0], owner="sidecar", now_ms=1)[0]
        if claim.next_offset is None:
            claim = self.store.begin_at(SOURCE, 0, Jump(0, "first", 1))
        self.epoch, self.offset = claim.epoch, claim.next_offset or 0
        self.engine = WindowEngine(self.definition, RULES)
        stored = self.store.load(SOURCE, 0, name)
        self.engine.restore(0, stored.snapshot, stored.deltas)
        self.due: frozenset[StateKey] = frozenset()
        self.snapshots = 0

    def step(self, batch: Batch) -> None:
        """Take one batch and commit it."""
        rows = rows_of(self.engine.add(batch))
        delta, snapshot = self.engine.delta()[0], None
        if self.due:
            snapshot = self.engine.snapshot()[0]
            self.snapshots += 1
        key = (self.name, 0)
        done = self.store.commit(
            Commit(
                SOURCE,
                {0: Move(self.epoch, self.offset, self.offset + 1)},
                at_ms=self.offset,
                deltas={key: delta},
                snapshots={} if snapshot is None else {key: snapshot},
                results=[ResultBlob.of(self.name, 0, rows)] if len(rows) else [],
            )
        )
        self.offset += 1
        self.due = done.snapshots_due


def finals(url: str, name: str) -> list[tuple[str, int, int, int]]:
    reader = LiveResultReader.open(url)
    found = reader.results(reader.source(name), Span(-(10**9), 10**9))
    reader.close()
    columns = (found.start_ms, found.end_ms, found.values["count"].values)
    rows = zip(found.keys, *(column.tolist() for column in columns), strict=True)
    return list(rows)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_restarts_at_any_batch_change_no_result(
    name: str, tmp_path: Path, sqlite_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holdings, "_SMALL_LOG_BYTES", 2_000)
    undisturbed, disturbed = (tmp_path / part for part in ("one.sqlite", "two.sqlite"))
    for path in (undisturbed, disturbed):
        path.write_bytes(sqlite_path.read_bytes())
    everything = events(seed=11)
    chance = random.Random(name)  # noqa: S311 - moments of restarts
    for path, is_disturbed in ((undisturbed, False), (disturbed, True)):
        sidecar = Sidecar(f"sqlite:///{path}", name)
        snapshots = 0
        for first in range(0, EVENTS, BATCH):
            if is_disturbed and chance.random() < 0.3:
                if chance.random() < 0.5:  # ends after events that are not committed
                    sidecar.engine.add(everything.part(first, first + BATCH))
                snapshots += sidecar.snapshots
                sidecar.store.close()
                sidecar = Sidecar(f"sqlite:///{path}", name)
            sidecar.step(everything.part(first, first + BATCH))
        assert snapshots + sidecar.snapshots > 0
        sidecar.store.close()
    expected = finals(f"sqlite:///{undisturbed}", name)
    assert len(expected) > 50
    assert finals(f"sqlite:///{disturbed}", name) == expected
