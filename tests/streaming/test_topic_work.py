"""One topic's work: what is cut, what is forgotten, which states are written anew."""

from pathlib import Path
from typing import Any

import pytest

from analytics_platform.adapters.control_store.migrations import migrate
from streaming import kept_keys
from streaming.checkpoints.claims import Jump
from streaming.checkpoints.store import CheckpointStore
from streaming.checkpoints.values import Claim, Committed, Stored
from streaming.topic_work import TopicWork
from tests.domains import readings as domain
from tests.support.driven import SOURCE, SentRecords, logs_of, pipeline, values_of
from tests.support.readings import readings

VALUES = values_of(logs_of(readings(3, 200)))
STATES = {kept_keys.STATE, *(one.name for one in domain.LIVE_WINDOWS)}


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    url = f"sqlite:///{tmp_path / 'stream.sqlite'}"
    migrate(url)
    return CheckpointStore.open(url)


def owned(store: CheckpointStore, work: TopicWork, *partitions: int) -> None:
    """Let the work begin partitions with what is stored of them."""
    store.declare(SOURCE, work.fingerprints, 1)
    claims = store.claim(SOURCE, partitions, owner="me", now_ms=1)
    for partition, claimed in claims.items():
        claim = claimed
        if claim.next_offset is None:
            claim = store.begin_at(SOURCE, partition, Jump(0, "first", 1))
        states = {
            name: store.load(SOURCE, partition, name) for name in work.fingerprints
        }
        work.begin(claim, claim.next_offset or 0, states)


def taken(work: TopicWork, partition: int, first: int, last: int) -> None:
    values = VALUES[partition][first:last]
    records: Any = SentRecords(values, (domain.TOPIC, partition), first)
    work.take([records], 0, 1)


def test_the_first_cut_after_a_claim_has_whole_states_and_later_ones_changes(
    store: CheckpointStore,
) -> None:
    work = TopicWork(SOURCE, pipeline())
    owned(store, work, 0, 1)
    assert not work.has_news
    taken(work, 0, 0, 10)
    first = work.cut(1).commit
    both = {(name, partition) for name in STATES for partition in (0, 1)}
    assert (set(first.snapshots), set(first.deltas)) == (both, set())
    assert (first.moves[0].expected, first.moves[0].next) == (0, 10)
    assert not work.has_news
    taken(work, 0, 10, 20)
    second = work.cut(1).commit
    assert not second.snapshots
    assert {name for name, _ in second.deltas} >= STATES - {kept_keys.STATE}
    assert second.moves[0].expected == 10


def test_events_are_news_but_only_what_comes_of_them_is_awaited(
    store: CheckpointStore,
) -> None:
    work = TopicWork(SOURCE, pipeline())
    owned(store, work, 0, 1)
    taken(work, 0, 0, 1)
    assert (work.has_news, work.is_awaited) == (True, False)
    for partition, first in ((0, 1), (1, 0)):
        taken(work, partition, first, len(VALUES[partition]))
    assert work.is_awaited
    work.cut(1)
    assert not work.is_awaited


def test_only_new_keys_are_written_again(store: CheckpointStore) -> None:
    work = TopicWork(SOURCE, pipeline())
    owned(store, work, 0)
    taken(work, 0, 0, 40)
    work.cut(1)
    taken(work, 0, 40, 41)  # 40 readings have met all six keys of the partition
    assert (kept_keys.STATE, 0) not in work.cut(1).commit.deltas


def test_a_state_whose_log_is_long_is_written_anew(store: CheckpointStore) -> None:
    work = TopicWork(SOURCE, pipeline())
    owned(store, work, 0)
    taken(work, 0, 0, 10)
    work.cut(1)
    key = ("hopping", 0)
    work.note(Committed({}, (), frozenset({key, ("hopping", 7)}), 0))
    taken(work, 0, 10, 20)
    assert set(work.cut(1).commit.snapshots) == {key}


def test_keys_keep_their_windows_though_their_numbers_change(
    store: CheckpointStore,
) -> None:
    first = TopicWork(SOURCE, pipeline())
    owned(store, first, 0, 1)
    for partition in (0, 1):
        taken(first, partition, 0, 20)
    store.commit(first.cut(1).commit)
    again = TopicWork(SOURCE, pipeline())
    owned(store, again, 1)
    owned(store, again, 0)
    numbers = [one.pipeline.keys.of_partition(0) for one in (first, again)]
    assert numbers[0] != numbers[1]
    assert set(numbers[0]) == set(numbers[1])
    for one in (first, again):
        for partition in (0, 1):
            taken(one, partition, 20, len(VALUES[partition]))
    results = [
        sorted(
            (rows.window, *row)
            for rows in one.pipeline.flush().windows
            for row in zip(
                rows.results.keys,
                rows.results.start_ms.tolist(),
                rows.results.values["total"].values.tolist(),
                strict=True,
            )
        )
        for one in (first, again)
    ]
    assert results[0] == results[1]
    assert results[0]


def test_what_was_not_committed_of_lost_partitions_is_forgotten(
    store: CheckpointStore,
) -> None:
    work = TopicWork(SOURCE, pipeline())
    owned(store, work, 0)
    taken(work, 0, 0, 20)
    work.end([0])
    assert (work.partitions, work.has_news, work.uncommitted) == ([], False, 0)
    cut = work.cut(1)
    assert not cut.commit.results
    assert not cut.pushed


def test_a_state_without_keys_begins_empty() -> None:
    work = TopicWork(SOURCE, pipeline())
    work.begin(Claim(0, 1, 0), 0, {name: Stored(None, None, ()) for name in STATES})
    assert work.partitions == [0]
