"""Taking a partition over: raises its epoch, which shuts every earlier owner out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from streaming.checkpoints.database import Transaction, marks
from streaming.checkpoints.errors import Fenced
from streaming.checkpoints.holdings import Owned, Window
from streaming.checkpoints.states import NOTHING_READ, retire_all, settle_states
from streaming.checkpoints.values import Claim, Retired, Source

_ADD = """
insert into stream_partitions
    (cluster, topic, partition, epoch, next_offset, sequence, owner, claimed_ms)
values {rows} on conflict (cluster, topic, partition) do nothing
"""
_RAISE_EPOCH = """
update stream_partitions set epoch = epoch + 1, owner = ?, claimed_ms = ?
where cluster = ? and topic = ? and partition in ({marks})
returning id, partition, epoch, next_offset, sequence
"""
_MOVE = "update stream_partitions set next_offset = ? where id = ? and epoch = ?"
_ADD_JUMP = """
insert into stream_jumps
    (partition_id, epoch, from_offset, to_offset, reason, at_ms)
values (?, ?, ?, ?, ?, ?)
"""
_BEGIN_STATES = """
update stream_states set from_offset = ?
where partition_id = ? and retired_ms is null and from_offset = ?
"""


@dataclass(frozen=True)
class Claimant:
    """Who claims, when, and the states that it will keep."""

    source: Source
    windows: Mapping[str, Window]
    owner: str
    now_ms: int


@dataclass(frozen=True)
class Jump:
    """Where a partition goes on, other than where it stopped, and why."""

    offset: int
    reason: str
    now_ms: int


def claim_partitions(
    transaction: Transaction, claimant: Claimant, partitions: Sequence[int]
) -> list[tuple[Claim, Owned]]:
    """Take partitions over, in order; states of other definitions are retired."""
    owned = {
        one.id: one for one in _raise_epochs(transaction, claimant, sorted(partitions))
    }
    retired = settle_states(transaction, owned, claimant.windows, claimant.now_ms)
    return [(_claim(one, retired[one.id]), one) for one in owned.values()]


def jump(transaction: Transaction, owned: Owned, to: Jump) -> tuple[Claim, Owned]:
    """Go on elsewhere. Going back retires all states: they would count twice.

    Raises:
        Fenced: the partition has a newer owner.
    """
    if not transaction.run(_MOVE, (to.offset, owned.id, owned.epoch)):
        topic = owned.source.topic
        raise Fenced(topic, [owned.partition], why="somebody else claimed it")
    before = NOTHING_READ if owned.next_offset is None else owned.next_offset
    values = (owned.id, owned.epoch, before, to.offset, to.reason, to.now_ms)
    transaction.run(_ADD_JUMP, values)
    transaction.run(_BEGIN_STATES, (to.offset, owned.id, NOTHING_READ))
    goes_back = to.offset < before
    retired = retire_all(transaction, owned, to.reason, to.now_ms) if goes_back else []
    moved = replace(owned, next_offset=to.offset, states={}, outputs={})
    settle_states(transaction, {owned.id: moved}, owned.windows, to.now_ms)
    return _claim(moved, retired), moved


def _raise_epochs(
    transaction: Transaction, claimant: Claimant, partitions: Sequence[int]
) -> list[Owned]:
    source, now_ms = claimant.source, claimant.now_ms
    key = (source.cluster, source.topic)
    rows = [(*key, one, 0, NOTHING_READ, 0, "", now_ms) for one in partitions]
    transaction.many(_ADD, rows)
    claimed = transaction.rows(
        _RAISE_EPOCH.format(marks=marks(partitions)),
        (claimant.owner, now_ms, *key, *partitions),
    )
    return [
        Owned(
            id=number,
            source=source,
            partition=partition,
            epoch=epoch,
            next_offset=None if offset == NOTHING_READ else offset,
            sequence=sequence,
            windows=claimant.windows,
        )
        for number, partition, epoch, offset, sequence in sorted(claimed)
    ]


def _claim(owned: Owned, retired: Sequence[Retired]) -> Claim:
    return Claim(owned.partition, owned.epoch, owned.next_offset, tuple(retired))
