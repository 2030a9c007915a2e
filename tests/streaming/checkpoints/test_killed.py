"""A committing process that is killed leaves a whole commit or none."""

import random
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from analytics_platform.adapters.live_results import LiveResultReader, Span
from tests.support.checkpoint_stores import (
    SOURCE,
    WINDOW,
    owning_store,
    restored_counts,
)
from tests.support.committing import commit_in_turns
from tests.support.repository import ROOT

pytestmark = pytest.mark.system

KILLS = 8
WORKERS = 4
STEPS = 60


def results_of(url: str) -> list[int]:
    """Starts of all result rows, of partition 0 first, in minutes."""
    reader = LiveResultReader.open(url)
    rows = reader.history(reader.source(WINDOW), Span(0, 10**15))
    reader.close()
    return [start // 60_000 for start in rows.start_ms.tolist()]


def kill_soon(url: str, owner: str, chance: random.Random) -> None:
    """Start a committing process, and kill it at a random moment once it commits."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.committing", url, owner],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = ""
        while said != "ready\n":
            said = process.stdout.readline()
            assert said, f"{owner} restored something else than was committed"
        time.sleep(chance.uniform(0, 0.05))
        process.kill()


def test_a_kill_at_any_moment_leaves_whole_commits(url: str) -> None:
    owning_store(url).close()
    chance = random.Random(20_131_101)  # noqa: S311 - moments of kills
    for number in range(KILLS):
        kill_soon(url, f"worker-{number}", chance)
    store = owning_store(url)
    claim = store.claim(SOURCE, [0], owner="last", now_ms=1)[0]
    offset = claim.next_offset or 0
    assert offset > KILLS
    stored = restored_counts(store.load(SOURCE, 0, WINDOW))
    assert stored == {"events": offset}
    waiting = [int(one.output.body) for one in store.pending(SOURCE, [0])]
    assert waiting == list(range(offset))
    assert results_of(url) == list(range(offset))
    store.close()


def test_workers_that_take_partitions_from_each_other_lose_and_double_nothing(
    url: str,
) -> None:
    owning_store(url, partitions=range(3)).close()
    with ProcessPoolExecutor(WORKERS, get_context("spawn")) as pool:
        turns = [
            pool.submit(commit_in_turns, url, f"worker-{n}", STEPS)
            for n in range(WORKERS)
        ]
        done = sum(turn.result(timeout=120) for turn in turns)
    store = owning_store(url, partitions=range(3))
    claims = store.claim(SOURCE, range(3), owner="last", now_ms=1)
    store.close()
    offsets = [claim.next_offset or 0 for claim in claims.values()]
    assert sum(offsets) == done > 0
    assert sorted(results_of(url)) == sorted(
        event for offset in offsets for event in range(offset)
    )
