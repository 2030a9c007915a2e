"""What is deleted, and what never is."""

from streaming.checkpoints.store import CheckpointStore
from streaming.checkpoints.values import (
    Move,
    OutputBlob,
    Pruned,
    Retention,
    Source,
)
from tests.support.checkpoint_stores import (
    SOURCE,
    WINDOW,
    blob,
    commit,
    owning_store,
)

FOREVER = 10**15
KEEP_ALL = Retention(
    results_ms=FOREVER, results_bytes=FOREVER, retired_ms=FOREVER, vanished_ms=FOREVER
)
COMMITTED_MS = 2_000  # by tests.support.checkpoint_stores.commit


def count(store: CheckpointStore, table: str) -> int:
    with store._database.transaction() as transaction:
        ((found,),) = transaction.rows(f"select count(*) from {table}")
    assert isinstance(found, int)
    return found


def store_with_results(url: str, blobs: int) -> CheckpointStore:
    store = owning_store(url)
    for offset in range(blobs):
        rows = [("a", 60_000 * offset, 1, 1)]
        store.commit(
            commit(Move(1, offset, offset + 1), state=b"s", results=[blob(0, rows)])
        )
    return store


def test_nothing_goes_before_its_time(url: str) -> None:
    store = store_with_results(url, 3)
    assert store.prune(SOURCE.cluster, KEEP_ALL, now_ms=10**12) == Pruned()
    assert count(store, "stream_results") == 3
    store.close()


def test_results_go_by_age(url: str) -> None:
    store = store_with_results(url, 3)
    keep = Retention(1_000, FOREVER, FOREVER, FOREVER)
    assert store.prune(SOURCE.cluster, keep, COMMITTED_MS + 1_000).results == 0
    assert store.prune(SOURCE.cluster, keep, COMMITTED_MS + 1_001).results == 3
    assert store.load(SOURCE, 0, WINDOW).deltas == (b"s",) * 3
    store.close()


def test_the_oldest_results_go_by_size(url: str) -> None:
    store = store_with_results(url, 10)
    ((size,),) = rows(store, "select max(bytes) from stream_results")
    keep = Retention(FOREVER, 4 * size, FOREVER, FOREVER)
    assert store.prune(SOURCE.cluster, keep, COMMITTED_MS).results == 6
    assert rows(store, "select min(sequence) from stream_results") == [(7,)]
    assert store.prune(SOURCE.cluster, keep, COMMITTED_MS).results == 0
    store.close()


def rows(store: CheckpointStore, query: str) -> list[tuple[int, ...]]:
    with store._database.transaction() as transaction:
        return transaction.rows(query)


def test_size_is_known_again_after_a_restart(url: str) -> None:
    store_with_results(url, 10).close()
    store = owning_store(url, owner="worker-2")
    keep = Retention(FOREVER, 0, FOREVER, FOREVER)
    assert store.prune(SOURCE.cluster, keep, COMMITTED_MS).results == 10
    store.close()


def test_retired_states_go_by_age(url: str) -> None:
    store = store_with_results(url, 3)
    store.declare(SOURCE, {WINDOW: "fingerprint-2"}, now_ms=5_000)
    store.claim(SOURCE, [0], owner="worker-1", now_ms=5_000)
    keep = Retention(FOREVER, FOREVER, 1_000, FOREVER)
    assert store.prune(SOURCE.cluster, keep, 6_000).states == 0
    assert count(store, "stream_deltas") == 3
    assert store.prune(SOURCE.cluster, keep, 6_001).states == 1
    assert count(store, "stream_deltas") == 0
    assert count(store, "stream_states") == 1
    store.close()


def test_all_of_a_vanished_embedded_cluster_goes_but_no_real_one(url: str) -> None:
    store = store_with_results(url, 3)
    store.commit(commit(Move(1, 3, 4), outputs=[OutputBlob("o", 0, 1, b"")]))
    store.meet_cluster(SOURCE.cluster, embedded=True, now_ms=1_000)
    real = Source("real", "events")
    store.meet_cluster("real", embedded=False, now_ms=1_000)
    store.claim(real, [0], owner="worker-1", now_ms=1_000)
    store.meet_cluster("next", embedded=True, now_ms=5_000)
    keep = Retention(FOREVER, FOREVER, FOREVER, 10_000)
    assert store.prune("next", keep, 11_000).clusters == ()
    assert store.prune("next", keep, 11_001).clusters == (SOURCE.cluster,)
    for table in ("results", "outputs", "states", "deltas", "windows", "jumps"):
        assert count(store, f"stream_{table}") == 0
    assert rows(store, "select epoch from stream_partitions") == [(1,)]
    assert count(store, "stream_clusters") == 2
    store.close()


def test_a_cluster_in_use_does_not_vanish(url: str) -> None:
    store = owning_store(url)
    store.meet_cluster(SOURCE.cluster, embedded=True, now_ms=1_000)
    keep = Retention(FOREVER, FOREVER, FOREVER, 10_000)
    for minute in range(1, 5):
        assert store.prune(SOURCE.cluster, keep, minute * 60_000).clusters == ()
    store.prune("other", keep, 4 * 60_000 + 10_000)
    assert count(store, "stream_clusters") == 1
    store.close()
