"""Any order of claims, commits and restarts: one owner, and nothing lost or doubled.

The state is a dict of counts by key; event n of a partition counts key n % 3.
"""

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics_platform.adapters.control_store.migrations import migrate
from streaming.checkpoints import holdings
from streaming.checkpoints.errors import Fenced
from streaming.checkpoints.store import CheckpointStore
from streaming.checkpoints.values import Claim, Move, StateKey
from tests.support.checkpoint_stores import (
    SOURCE,
    WINDOW,
    commit,
    counts_delta,
    owning_store,
    restored_counts,
)

KEYS = 3
SMALL = 200


@pytest.fixture(autouse=True)
def small_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Logs are compacted after a few commits, not after a megabyte."""
    monkeypatch.setattr(holdings, "_SMALL_LOG_BYTES", SMALL)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database to copy."""
    path = tmp_path_factory.mktemp("template") / "stream.sqlite"
    migrate(f"sqlite:///{path}")
    return path


def expected(offset: int) -> dict[str, int]:
    """What the first `offset` events count."""
    counts = {f"key-{key}": len(range(key, offset, KEYS)) for key in range(KEYS)}
    return {key: count for key, count in counts.items() if count}


@dataclass
class Worker:
    """An owner of partition 0 that may be a zombie: it acts on what it knows."""

    store: CheckpointStore
    claim: Claim | None = None
    offset: int = 0
    due: frozenset[StateKey] = field(default_factory=frozenset)

    def take(self, name: str) -> None:
        """Claim the partition and restore its state."""
        self.claim = self.store.claim(SOURCE, [0], owner=name, now_ms=1)[0]
        self.offset = self.claim.next_offset or 0
        stored = self.store.load(SOURCE, 0, WINDOW)
        assert restored_counts(stored) == expected(self.offset)
        self.due = frozenset()

    def count(self, events: int) -> None:
        """Commit the next events, with a snapshot when it is due."""
        assert self.claim is not None
        to = self.offset + events
        now, before = expected(to), expected(self.offset)
        changed = {key: n for key, n in now.items() if before.get(key) != n}
        move = Move(self.claim.epoch, self.offset, to)
        if self.due:
            done = self.store.commit(commit(move, snapshot=counts_delta(now)))
        else:
            done = self.store.commit(commit(move, state=counts_delta(changed)))
        self.offset, self.due = to, done.snapshots_due


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("claim"), st.integers(0, 2), st.just(0)),
        st.tuples(st.just("commit"), st.integers(0, 2), st.integers(0, 9)),
        st.tuples(st.just("restart"), st.integers(0, 2), st.just(0)),
    ),
    max_size=40,
)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(acts=ACTS)
def test_only_the_last_owner_commits_and_its_state_is_that_of_all_events(
    acts: list[tuple[str, int, int]], template: Path
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "stream.sqlite"
        path.write_bytes(template.read_bytes())
        url = f"sqlite:///{path}"
        workers = [Worker(owning_store(url)) for _ in range(3)]
        owner, offset = None, 0
        for act, number, events in acts:
            worker = workers[number]
            if act == "claim":
                worker.take(f"worker-{number}")
                assert worker.offset == offset
                owner = number
            elif act == "restart":
                worker.store.close()
                workers[number] = Worker(CheckpointStore.open(url))
                workers[number].store.declare(SOURCE, {WINDOW: "fingerprint-1"}, 1)
                owner = None if owner == number else owner
            elif worker.claim is not None:
                try:
                    worker.count(events)
                    assert owner == number
                    offset += events
                except Fenced:
                    assert owner != number
        workers[0].take("last")
        assert workers[0].offset == offset
        for worker in workers:
            worker.store.close()


def test_compaction_keeps_the_log_within_twice_the_state(url: str) -> None:
    store = owning_store(url)
    worker = Worker(store)
    worker.take("worker-1")
    snapshots = 0
    for _ in range(300):
        snapshots += bool(worker.due)
        worker.count(1)
        sizes = store.sizes(SOURCE)[WINDOW, 0]
        assert sizes.log <= 2 * max(SMALL, sizes.snapshot) + 60
    assert snapshots > 10
    worker.take("worker-2")
    assert worker.offset == 300
    store.close()
