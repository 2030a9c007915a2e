"""Several processes and threads on one control store."""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from analytics_platform.adapters.control_store.facade import ControlStore
from tests.support.racing_stores import (
    add_events,
    append_many,
    race_to_generation,
    record_many,
)

WORKERS = 4


@pytest.fixture(scope="module", params=["processes", "threads"])
def pool(request: pytest.FixtureRequest) -> Iterator[Executor]:
    """Workers that run at the same time; they are started once for all tests."""
    if request.param == "threads":
        executor: Executor = ThreadPoolExecutor(WORKERS)
    else:
        spawn = multiprocessing.get_context("spawn")
        executor = ProcessPoolExecutor(WORKERS, spawn)
    with executor:
        yield executor


def run(
    pool: Executor,
    work: Callable[[str, str, int], list[int]],
    url: str,
    count: int,
) -> list[list[int]]:
    futures = [pool.submit(work, url, f"w{n}", count) for n in range(WORKERS)]
    return [future.result(timeout=120) for future in futures]


def test_exactly_one_mover_wins_each_generation(
    pool: Executor, store: ControlStore, url: str
) -> None:
    won = run(pool, race_to_generation, url, 30)
    generations = sorted(generation for one in won for generation in one)
    assert generations == list(range(1, len(generations) + 1))
    history = store.releases.history("race")
    assert [release.generation for release in history] == generations
    assert [release.previous for release in history[1:]] == [
        release.version for release in history[:-1]
    ]
    assert store.ledger.verify() == len(history)


def test_appended_rows_make_one_chain_without_gaps(
    pool: Executor, store: ControlStore, url: str
) -> None:
    made = run(pool, append_many, url, 15)
    everything = sorted(sequence for one in made for sequence in one)
    assert everything == list(range(1, WORKERS * 15 + 1))
    assert store.ledger.verify() == WORKERS * 15


def test_of_verdicts_recorded_at_once_one_per_key_is_newest(
    pool: Executor, store: ControlStore, url: str
) -> None:
    run(pool, record_many, url, 5)
    assert len(store.verdicts.latest()) == 12
    assert len(store.verdicts.previous()) == 12


def test_an_event_added_by_everybody_is_new_to_exactly_one(
    pool: Executor, store: ControlStore, url: str
) -> None:
    new = run(pool, add_events, url, 20)
    assert sorted(number for one in new for number in one) == list(range(20))
    assert len(store.outbox.pending()) == 20
