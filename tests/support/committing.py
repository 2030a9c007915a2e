"""Processes that commit to one state database until they are killed or done.

`python -m tests.support.committing URL OWNER` claims partition 0, restores, and commits
until it is killed; it says `ready` once restored, or fails if what it restored
contradicts itself.
"""

import random
import sys

from streaming.checkpoints.errors import Fenced
from streaming.checkpoints.store import CheckpointStore
from streaming.checkpoints.values import Claim, Move, OutputBlob, StateKey
from tests.support.checkpoint_stores import (
    SOURCE,
    WINDOW,
    WINDOWS,
    blob,
    commit,
    counts_delta,
    owning_store,
    restored_counts,
)


def commit_step(
    store: CheckpointStore, claim: Claim, offset: int, due: frozenset[StateKey]
) -> frozenset[StateKey]:
    """Commit event number `offset`: a state, a result and an output tell of it."""
    state = counts_delta({"events": offset + 1})
    body = str(offset).encode()
    outputs = [OutputBlob("numbers", claim.partition, 1, body)]
    move = Move(claim.epoch, offset, offset + 1)
    rows = [("key", 60_000 * offset, 1, 1)]
    key = (WINDOW, claim.partition)
    return store.commit(
        commit(
            move,
            partitions=[claim.partition],
            state=None if key in due else state,
            snapshot=state if key in due else None,
            results=[blob(claim.partition, rows)],
            outputs=outputs,
        )
    ).snapshots_due


def commit_until_killed(url: str, owner: str) -> None:
    """Claim partition 0, check what is restored, then commit without end."""
    store = owning_store(url, owner=owner)
    claim, offset = take_over(store, owner, 0)
    waiting = [one.output.body for one in store.pending(SOURCE, [0])]
    if waiting != [str(n).encode() for n in range(offset)]:
        raise AssertionError(f"{len(waiting)} outputs at offset {offset}")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    due: frozenset[StateKey] = frozenset()
    while True:
        due = commit_step(store, claim, offset, due)
        offset += 1


def commit_in_turns(url: str, owner: str, steps: int) -> int:
    """Take partitions from each other at random; gives how many commits came through.

    The state restored at each claim must be that of all events before it.
    """
    chance = random.Random(owner)  # noqa: S311 - a choice of partitions
    store = CheckpointStore.open(url)
    store.declare(SOURCE, WINDOWS, now_ms=1_000)
    claims: dict[int, tuple[Claim, int]] = {}
    done = 0
    for _ in range(steps):
        partition = chance.randrange(3)
        try:
            if partition not in claims:
                claims[partition] = take_over(store, owner, partition)
            claim, offset = claims[partition]
            commit_step(store, claim, offset, frozenset())
        except Fenced:
            claims.pop(partition, None)
        else:
            claims[partition] = (claim, offset + 1)
            done += 1
    store.close()
    return done


def take_over(store: CheckpointStore, owner: str, partition: int) -> tuple[Claim, int]:
    """Claim a partition and restore it; gives the claim and the next offset."""
    claim = store.claim(SOURCE, [partition], owner=owner, now_ms=1)[partition]
    offset = claim.next_offset or 0
    counted = restored_counts(store.load(SOURCE, partition, WINDOW)).get("events", 0)
    if counted != offset:
        raise AssertionError(f"{partition}: counted {counted} at offset {offset}")
    return claim, offset


if __name__ == "__main__":
    commit_until_killed(*sys.argv[1:])
