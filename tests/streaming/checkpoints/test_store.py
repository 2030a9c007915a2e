"""What a commit changes, who may commit, and what is restored."""

from typing import Any

import pytest

from analytics_platform.adapters.control_store.migrations import migrate
from analytics_platform.errors import InvalidUsage, NotFound
from streaming.checkpoints.claims import Jump
from streaming.checkpoints.errors import Backlogged, Fenced
from streaming.checkpoints.messages import Message, decode_messages, encode_messages
from streaming.checkpoints.states import read_state
from streaming.checkpoints.store import CheckpointStore
from streaming.checkpoints.values import Commit, Move, OutputBlob, Source, Stored
from tests.support.checkpoint_stores import SOURCE, WINDOW, commit, owning_store


def next_offset(url: str, partition: int = 0) -> int | None:
    """Where the next owner would go on; it is then the owner."""
    store = CheckpointStore.open(url)
    claims = store.claim(SOURCE, [partition], owner="reader", now_ms=9_000)
    store.close()
    return claims[partition].next_offset


def test_a_new_partition_has_no_offset_and_the_first_epoch(url: str) -> None:
    store = CheckpointStore.open(url)
    claims = store.claim(SOURCE, [3, 1], owner="worker-1", now_ms=1_000)
    assert [(c.partition, c.epoch, c.next_offset) for c in claims.values()] == [
        (1, 1, None),
        (3, 1, None),
    ]
    store.close()


def test_each_claim_raises_the_epoch(url: str) -> None:
    store = owning_store(url)
    assert store.claim(SOURCE, [0], owner="worker-1", now_ms=2)[0].epoch == 2
    other = CheckpointStore.open(url)
    assert other.claim(SOURCE, [0], owner="worker-2", now_ms=3)[0].epoch == 3
    store.close()
    other.close()


def test_a_commit_moves_the_offset_and_keeps_the_state(url: str) -> None:
    store = owning_store(url)
    store.commit(commit(Move(1, 0, 10), state=b"a"))
    store.commit(commit(Move(1, 10, 25), state=b"b"))
    stored = store.load(SOURCE, 0, WINDOW)
    assert (stored.from_offset, stored.snapshot, stored.deltas) == (
        0,
        None,
        (b"a", b"b"),
    )
    store.close()
    assert next_offset(url) == 25


def test_a_commit_of_several_partitions_is_one(url: str) -> None:
    store = owning_store(url, partitions=[0, 1])
    other = owning_store(url, partitions=[1], owner="worker-2")
    with pytest.raises(Fenced) as caught:
        store.commit(commit(Move(1, 0, 10), Move(1, 0, 10), state=b"a"))
    assert caught.value.partitions == (1,)
    assert "worker-2" in str(caught.value)
    assert store.load(SOURCE, 0, WINDOW).deltas == ()
    store.close()
    other.close()
    assert next_offset(url) == 0


def test_an_offset_that_moved_meanwhile_is_fenced(url: str) -> None:
    store = owning_store(url)
    store.commit(commit(Move(1, 0, 10)))
    with pytest.raises(Fenced):
        store.commit(commit(Move(1, 0, 20)))
    store.close()
    assert next_offset(url) == 10


def test_a_commit_without_events_keeps_its_offset(url: str) -> None:
    store = owning_store(url)
    store.commit(commit(Move(1, 0, 0), state=b"idle"))
    store.commit(commit(Move(1, 0, 5), state=b"more"))
    assert store.load(SOURCE, 0, WINDOW).deltas == (b"idle", b"more")
    store.close()


def test_a_released_partition_can_not_be_committed(url: str) -> None:
    store = owning_store(url)
    store.release(SOURCE, [0])
    with pytest.raises(Fenced, match="not claimed"):
        store.commit(commit(Move(1, 0, 10)))
    store.close()


def test_a_commit_made_under_an_earlier_epoch_of_the_same_process_is_fenced(
    url: str,
) -> None:
    store = owning_store(url)
    store.claim(SOURCE, [0], owner="worker-1", now_ms=2)
    with pytest.raises(Fenced, match="claimed again"):
        store.commit(commit(Move(1, 0, 10)))
    store.close()


def test_a_snapshot_replaces_the_log(url: str) -> None:
    store = owning_store(url)
    store.commit(commit(Move(1, 0, 1), state=b"a"))
    store.commit(commit(Move(1, 1, 2), snapshot=b"all"))
    store.commit(commit(Move(1, 2, 3), state=b"b"))
    stored = store.load(SOURCE, 0, WINDOW)
    assert (stored.snapshot, stored.deltas) == (b"all", (b"b",))
    store.close()


def test_a_snapshot_is_due_when_the_log_is_twice_the_state(url: str) -> None:
    megabyte = bytes(1 << 20)
    store = owning_store(url)
    assert not store.commit(commit(Move(1, 0, 1), state=megabyte)).snapshots_due
    due = store.commit(commit(Move(1, 1, 2), state=b"x")).snapshots_due
    assert due == {(WINDOW, 0)}
    assert not store.commit(commit(Move(1, 2, 3), snapshot=megabyte)).snapshots_due
    assert not store.commit(commit(Move(1, 3, 4), state=2 * megabyte)).snapshots_due
    assert store.commit(commit(Move(1, 4, 5), state=b"x")).snapshots_due
    store.close()


def test_old_deltas_are_deleted_little_by_little(url: str) -> None:
    store = owning_store(url)
    for offset in range(40):
        store.commit(commit(Move(1, offset, offset + 1), state=b"x"))
    store.commit(commit(Move(1, 40, 41), snapshot=b"all"))
    left = []
    for offset in range(41, 45):
        store.commit(commit(Move(1, offset, offset + 1)))
        with store._database.transaction() as transaction:
            ((count,),) = transaction.rows("select count(*) from stream_deltas")
        left.append(count)
    assert left[-1] == 0
    assert left == sorted(left, reverse=True)
    assert left[0] > 0
    store.close()


def test_a_changed_definition_starts_anew_and_keeps_the_old_state_aside(
    url: str,
) -> None:
    store = owning_store(url)
    store.commit(commit(Move(1, 0, 10), state=b"old"))
    store.declare(SOURCE, {WINDOW: "fingerprint-2"}, now_ms=3_000)
    claim = store.claim(SOURCE, [0], owner="worker-1", now_ms=3_000)[0]
    (retired,) = claim.retired
    assert (retired.name, retired.fingerprint) == (WINDOW, "fingerprint-1")
    assert retired.reason == (
        "the definition changed from fingerprint-1 to fingerprint-2"
    )
    stored = store.load(SOURCE, 0, WINDOW)
    assert (stored.from_offset, stored.snapshot, stored.deltas) == (10, None, ())
    with store._database.transaction() as transaction:
        assert transaction.rows("select count(*) from stream_deltas") == [(1,)]
    store.close()


def test_a_definition_that_comes_back_does_not_get_its_old_state(url: str) -> None:
    store = owning_store(url)
    store.commit(commit(Move(1, 0, 10), state=b"old"))
    other = CheckpointStore.open(url)  # without any window
    other.claim(SOURCE, [0], owner="worker-2", now_ms=3_000)
    other.commit(Commit(SOURCE, {0: Move(2, 10, 20)}, 0))
    other.close()
    claim = store.claim(SOURCE, [0], owner="worker-1", now_ms=4_000)[0]
    assert claim.next_offset == 20
    assert store.load(SOURCE, 0, WINDOW).deltas == ()
    assert store.load(SOURCE, 0, WINDOW).from_offset == 20
    store.close()


def test_a_jump_forward_keeps_the_state(url: str) -> None:
    store = owning_store(url)
    store.commit(commit(Move(1, 0, 10), state=b"a"))
    claim = store.begin_at(SOURCE, 0, Jump(50, "events 10 to 49 are gone", 3_000))
    assert (claim.next_offset, claim.retired) == (50, ())
    store.commit(commit(Move(1, 50, 51), state=b"b"))
    assert store.load(SOURCE, 0, WINDOW).deltas == (b"a", b"b")
    store.close()


def test_a_jump_back_retires_the_state(url: str) -> None:
    store = owning_store(url)
    store.commit(commit(Move(1, 0, 10), state=b"a"))
    claim = store.begin_at(SOURCE, 0, Jump(2, "the topic was made anew", 3_000))
    assert [one.reason for one in claim.retired] == ["the topic was made anew"]
    stored = store.load(SOURCE, 0, WINDOW)
    assert (stored.from_offset, stored.deltas) == (2, ())
    store.commit(commit(Move(1, 2, 3), state=b"new"))
    store.close()


def test_a_jump_of_a_lost_partition_is_fenced(url: str) -> None:
    store = owning_store(url)
    owning_store(url, owner="worker-2").close()
    with pytest.raises(Fenced):
        store.begin_at(SOURCE, 0, Jump(2, "late", 3_000))
    with pytest.raises(Fenced):
        store.load(SOURCE, 0, WINDOW)
    store.close()


@pytest.mark.system
def test_a_partition_that_is_lost_while_it_is_restored_is_fenced(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(postgres_database)
    store = owning_store(postgres_database)

    def read_late(*arguments: Any) -> Stored:
        other = owning_store(postgres_database, owner="worker-2")
        other.commit(commit(Move(2, 0, 10), state=b"theirs"))
        other.close()
        return read_state(*arguments)

    monkeypatch.setattr("streaming.checkpoints.store.read_state", read_late)
    with pytest.raises(Fenced):
        store.load(SOURCE, 0, WINDOW)
    store.close()


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (Commit(SOURCE, {0: Move(1, 0, 1)}, 0, {(WINDOW, 1): b""}), "without its move"),
        (Commit(SOURCE, {0: Move(1, 0, 1)}, 0, {("other", 0): b""}), "not declared"),
    ],
)
def test_a_commit_that_makes_no_sense_is_refused(
    url: str, wrong: Commit, why: str
) -> None:
    store = owning_store(url)
    with pytest.raises(InvalidUsage, match=why):
        store.commit(wrong)
    store.close()


def test_a_partition_without_a_first_offset_can_not_be_committed(url: str) -> None:
    store = CheckpointStore.open(url)
    store.claim(SOURCE, [0], owner="worker-1", now_ms=1_000)
    with pytest.raises(InvalidUsage, match="no first offset"):
        store.commit(commit(Move(1, 0, 10)))
    store.close()


def test_topics_and_clusters_are_kept_apart(url: str) -> None:
    store = owning_store(url)
    store.commit(commit(Move(1, 0, 10)))
    for source in (Source("cluster-2", "events"), Source("cluster-1", "others")):
        claims = store.claim(source, [0], owner="worker-1", now_ms=1_000)
        assert (claims[0].epoch, claims[0].next_offset) == (1, None)
    store.close()


def test_a_cluster_is_new_once(url: str) -> None:
    store = CheckpointStore.open(url)
    assert store.meet_cluster("a", embedded=True, now_ms=1).is_new
    assert not store.meet_cluster("a", embedded=True, now_ms=2).is_new
    assert store.meet_cluster("b", embedded=True, now_ms=3).is_new
    store.close()


def messages(*values: bytes) -> OutputBlob:
    body = encode_messages([Message(b"key", value) for value in values])
    return OutputBlob("predictions", 0, len(values), body)


def test_outputs_wait_until_they_are_delivered(url: str) -> None:
    store = owning_store(url)
    done = store.commit(commit(Move(1, 0, 1), outputs=[messages(b"1", b"2")]))
    again = store.commit(commit(Move(1, 1, 2), outputs=[messages(b"3")]))
    waiting = store.pending(SOURCE, [0])
    assert waiting == [*done.outputs, *again.outputs]
    sent = decode_messages(waiting[0].output.body)
    assert [message.value for message in sent] == [b"1", b"2"]
    store.delivered([done.outputs[0].id])
    store.commit(commit(Move(1, 2, 3)))
    assert store.pending(SOURCE, [0]) == list(again.outputs)
    store.delivered([again.outputs[0].id])
    store.forget_delivered()
    assert store.pending(SOURCE, [0]) == []
    store.close()


def test_the_next_owner_sends_what_was_not_delivered(url: str) -> None:
    store = owning_store(url)
    done = store.commit(commit(Move(1, 0, 1), outputs=[messages(b"1")]))
    store.close()
    other = owning_store(url, owner="worker-2")
    assert other.pending(SOURCE, [0]) == list(done.outputs)
    other.close()


def test_outputs_are_bounded(url: str) -> None:
    store = owning_store(url)
    store._backlog._most = 100
    large = OutputBlob("dead_letters", 0, 1, bytes(150))
    first = store.commit(commit(Move(1, 0, 1), outputs=[large]))
    with pytest.raises(Backlogged) as caught:
        store.commit(commit(Move(1, 1, 2), outputs=[large]))
    assert (caught.value.pending, caught.value.limit) == (150, 100)
    store.commit(commit(Move(1, 1, 2)))  # what sends nothing may go on
    store.delivered([first.outputs[0].id])
    store.commit(commit(Move(1, 2, 3), outputs=[large]))
    store.close()


def test_a_database_that_was_never_migrated_says_what_to_do(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("empty") / "stream.sqlite"
    path.touch()
    store = CheckpointStore.open(f"sqlite:///{path}")
    with pytest.raises(NotFound, match="make migrate-upgrade"):
        store.claim(SOURCE, [0], owner="worker-1", now_ms=1)
    store.close()


def test_large_blobs_come_back_as_they_were(url: str) -> None:
    large = bytes(range(256)) * 4_000
    store = owning_store(url)
    output = OutputBlob("é", 0, 1, large)
    store.commit(commit(Move(1, 0, 1), snapshot=large, outputs=[output]))
    store.commit(commit(Move(1, 1, 2), state=large[1:]))
    store.commit(commit(Move(1, 2, 3), snapshot=large[2:]))
    store.commit(commit(Move(1, 3, 4), state=large[3:]))
    stored = store.load(SOURCE, 0, WINDOW)
    assert (stored.snapshot, stored.deltas) == (large[2:], (large[3:],))
    assert [one.output for one in store.pending(SOURCE, [0])] == [output]
    store.close()
