"""Writing a commit: progress, state, results and outputs in one transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from analytics_platform.errors import InvalidUsage
from streaming.checkpoints.copying import Kind, Target
from streaming.checkpoints.database import Row, Transaction, marks
from streaming.checkpoints.errors import Fenced
from streaming.checkpoints.holdings import Holdings, Owned, StateLog
from streaming.checkpoints.values import (
    Commit,
    Move,
    OutputId,
    PendingOutput,
    StateKey,
)

_MOVE = """
update stream_partitions set next_offset = moves.column5, sequence = moves.column6
from (values {rows}) as moves
where stream_partitions.id = moves.column1
    and stream_partitions.epoch = moves.column2
    and stream_partitions.next_offset = moves.column3
    and stream_partitions.sequence = moves.column4
"""
_FOUND = """
select id, epoch, next_offset, sequence, owner from stream_partitions
where id in ({marks})
"""
_DROP_SNAPSHOTS = "delete from stream_snapshots where state_id in ({marks})"
_CLEAR_LOG = "delete from stream_deltas where state_id = ? and sequence <= ?"
_FORGET_SENT = """
delete from stream_outputs
where (partition_id, sequence, ordinal) in (values {rows})
"""


_LOG: dict[str, Kind] = {
    "state_id": "bigint",
    "sequence": "bigint",
    "bytes": "bigint",
    "body": "bytea",
}
_DELTAS = Target("stream_deltas", _LOG)
_SNAPSHOTS = Target("stream_snapshots", _LOG)
_PLACE: dict[str, Kind] = {
    "partition_id": "bigint",
    "sequence": "bigint",
    "ordinal": "integer",
}
_RESULTS = Target(
    "stream_results",
    {
        **_PLACE,
        "window_id": "bigint",
        "kind": "text",
        "rows": "bigint",
        "first_start_ms": "bigint",
        "last_start_ms": "bigint",
        "created_ms": "bigint",
        "bytes": "bigint",
        "body": "bytea",
    },
)
_OUTPUTS = Target(
    "stream_outputs",
    {
        **_PLACE,
        "kind": "text",
        "messages": "bigint",
        "bytes": "bigint",
        "body": "bytea",
    },
)


@dataclass(frozen=True)
class _Logged:
    """A delta or snapshot of one state, in the commit numbered `sequence`."""

    state: StateLog
    sequence: int
    body: bytes

    def row(self) -> Row:
        return (self.state.id, self.sequence, len(self.body), self.body)


@dataclass(frozen=True)
class Plan:
    """A commit, with the store's numbers for all that it names."""

    commit: Commit
    pairs: tuple[tuple[Owned, Move], ...]
    deltas: tuple[_Logged, ...]
    snapshots: tuple[_Logged, ...]
    outputs: tuple[PendingOutput, ...]
    sent: tuple[OutputId, ...]

    @property
    def bytes(self) -> int:
        """The size of all blobs."""
        logged = (*self.deltas, *self.snapshots)
        return (
            sum(len(one.body) for one in logged)
            + sum(len(blob.body) for blob in self.commit.results)
            + self.output_bytes
        )

    @property
    def output_bytes(self) -> int:
        """The size of all outputs."""
        return sum(len(one.output.body) for one in self.outputs)


def plan_commit(commit: Commit, holdings: Holdings, sent: Iterable[OutputId]) -> Plan:
    """See that a commit makes sense for what this process owns.

    Raises:
        Fenced: it names a partition that is not owned, or under another epoch.
        InvalidUsage: it names a partition that it does not move, an undeclared
            window, or a partition whose first offset was never set.
    """
    pairs = holdings.moved(commit.source, commit.moves)
    owned = {one.partition: one for one, _ in pairs}
    _check(commit, owned)
    ordinals = dict.fromkeys(owned, 0)
    outputs = []
    for output in commit.outputs:
        one = owned[output.partition]
        place = OutputId(one.id, one.sequence + 1, ordinals[output.partition])
        ordinals[output.partition] += 1
        outputs.append(PendingOutput(place, output))
    return Plan(
        commit=commit,
        pairs=tuple(pairs),
        deltas=tuple(
            _logged(owned, key, body)
            for key, body in commit.deltas.items()
            if key not in commit.snapshots
        ),
        snapshots=tuple(
            _logged(owned, key, body) for key, body in commit.snapshots.items()
        ),
        outputs=tuple(outputs),
        sent=tuple(sent),
    )


def write_commit(transaction: Transaction, plan: Plan, *, may_be_done: bool) -> None:
    """Write all of it; with `may_be_done`, nothing if an earlier try came through.

    Raises:
        Fenced: a partition has a newer owner, or was moved.
    """
    if not _move(transaction, plan.pairs, may_be_done=may_be_done):
        return
    transaction.insert(_DELTAS, [one.row() for one in plan.deltas])
    if plan.snapshots:
        ids = [one.state.id for one in plan.snapshots]
        transaction.run(_DROP_SNAPSHOTS.format(marks=marks(ids)), ids)
        transaction.insert(_SNAPSHOTS, [one.row() for one in plan.snapshots])
    transaction.insert(_RESULTS, _result_rows(plan))
    transaction.insert(_OUTPUTS, [_output_row(one) for one in plan.outputs])
    forget_sent(transaction, plan.sent)
    for owned, _ in plan.pairs:
        for state in owned.states.values():
            if state.garbage is not None:
                transaction.run(_CLEAR_LOG, (state.id, state.next_garbage))


def forget_sent(transaction: Transaction, sent: Sequence[OutputId]) -> None:
    """Delete outputs that were delivered."""
    rows = [(one.partition_id, one.sequence, one.ordinal) for one in sent]
    transaction.many(_FORGET_SENT, rows)


def note_commit(plan: Plan) -> frozenset[StateKey]:
    """Bring the holdings up to a written commit; gives the states due a snapshot."""
    for owned, move in plan.pairs:
        owned.next_offset = move.next
        owned.sequence += 1
        for state in owned.states.values():
            state.garbage_was_cleared()
    by_id = {owned.id: owned for owned, _ in plan.pairs}
    by_partition = {owned.partition: owned for owned, _ in plan.pairs}
    for one in plan.deltas:
        one.state.add(one.sequence, len(one.body))
    for one in plan.snapshots:
        one.state.replace(one.sequence, len(one.body))
    for blob in plan.commit.results:
        by_partition[blob.partition].results_bytes += len(blob.body)
    for output in plan.outputs:
        pending = by_id[output.id.partition_id].outputs
        pending[output.id] = len(output.output.body)
    return frozenset(
        (name, owned.partition)
        for owned, _ in plan.pairs
        for name, state in owned.states.items()
        if state.is_due()
    )


def _check(commit: Commit, owned: dict[int, Owned]) -> None:
    for one in owned.values():
        if one.next_offset is None:
            raise _senseless(f"partition {one.partition} has no first offset yet")
    named = [output.partition for output in commit.outputs]
    keys = [*commit.deltas, *commit.snapshots]
    keys += [(blob.window, blob.partition) for blob in commit.results]
    named += [partition for _, partition in keys]
    for partition in named:
        if partition not in owned:
            raise _senseless(f"it names partition {partition} without its move")
    for name, partition in keys:
        if name not in owned[partition].states:
            raise _senseless(f"the window {name} is not declared")


def _senseless(what: str) -> InvalidUsage:
    return InvalidUsage(
        f"A commit makes no sense: {what}.",
        hint="Declare windows before claiming, and begin each partition by a jump.",
    )


def _logged(owned: dict[int, Owned], key: StateKey, body: bytes) -> _Logged:
    name, partition = key
    one = owned[partition]
    return _Logged(one.states[name], one.sequence + 1, body)


def _move(
    transaction: Transaction,
    pairs: Sequence[tuple[Owned, Move]],
    *,
    may_be_done: bool,
) -> bool:
    """Compare and swap every partition; False if that was done before."""
    rows = [
        (one.id, one.epoch, move.expected, one.sequence, move.next, one.sequence + 1)
        for one, move in pairs
    ]
    changed = transaction.many(_MOVE, rows)
    if changed == len(rows):
        return True
    ids = [one.id for one, _ in pairs]
    found = transaction.rows(_FOUND.format(marks=marks(ids)), ids)
    now = {number: (*place,) for number, *place, _ in found}
    wanted = {one.id: (one.epoch, move.next, one.sequence + 1) for one, move in pairs}
    if may_be_done and not changed and now == wanted:
        return False
    owners = {number: owner for number, *_, owner in found}
    # Those that did match are seen here as moved.
    kept = {
        number for number, place in now.items() if changed and place == wanted[number]
    }
    raise _fenced([pair for pair in pairs if pair[0].id not in kept], now, owners)


def _fenced(
    pairs: Sequence[tuple[Owned, Move]],
    now: dict[int, tuple[int, ...]],
    owners: dict[int, str],
) -> Fenced:
    reasons = [
        f"{one.partition} is at (epoch, offset, commit) {now[one.id]}, owned by "
        f"{owners[one.id]!r}, not {(one.epoch, move.expected, one.sequence)}"
        if one.id in now
        else f"{one.partition} was deleted"
        for one, move in pairs
    ]
    lost = [one.partition for one, _ in pairs]
    names = {owners[one.id] for one, _ in pairs if one.id in owners}
    topic = pairs[0][0].source.topic
    return Fenced(topic, lost, why="; ".join(reasons), owners=names)


def _result_rows(plan: Plan) -> Sequence[Row]:
    owned = {one.partition: one for one, _ in plan.pairs}
    ordinals = dict.fromkeys(owned, 0)
    rows = []
    for blob in plan.commit.results:
        one = owned[blob.partition]
        rows.append(
            (
                *(one.id, one.sequence + 1, ordinals[blob.partition]),
                *(one.windows[blob.window].id, blob.kind.value, blob.rows),
                *(blob.first_start_ms, blob.last_start_ms, plan.commit.at_ms),
                *(len(blob.body), blob.body),
            )
        )
        ordinals[blob.partition] += 1
    return rows


def _output_row(pending: PendingOutput) -> Row:
    place, output = pending.id, pending.output
    key = (place.partition_id, place.sequence, place.ordinal)
    return (*key, output.kind, output.messages, len(output.body), output.body)
