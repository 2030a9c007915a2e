"""Which states a partition has: one for each declared window, the others retired."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from streaming.checkpoints.database import Transaction, marks
from streaming.checkpoints.errors import Fenced
from streaming.checkpoints.holdings import Owned, StateLog, Window
from streaming.checkpoints.values import OutputId, Retired, Stored

NOTHING_READ = -1

_ACTIVE = """
select states.id, states.partition_id, states.window_id, windows.name,
    windows.fingerprint
from stream_states as states
join stream_windows as windows on windows.id = states.window_id
where states.retired_ms is null and states.partition_id in ({marks})
order by states.id
"""
_RETIRE = "update stream_states set retired_ms = ?, retired_reason = ? where id = ?"
_BEGIN = """
insert into stream_states (window_id, partition_id, from_offset, created_ms)
values {rows}
"""
_CLEAR_LOGS = """
delete from stream_deltas where state_id in ({marks}) and exists (
    select 1 from stream_snapshots as snapshots
    where snapshots.state_id = stream_deltas.state_id
        and snapshots.sequence >= stream_deltas.sequence)
"""
_LOG_SIZES = """
select state_id, sum(bytes), count(*), min(sequence) from stream_deltas
where state_id in ({marks}) group by state_id
"""
_SNAPSHOT_SIZES = """
select state_id, bytes from stream_snapshots where state_id in ({marks})
"""
_RESULT_SIZES = """
select partition_id, sum(bytes) from stream_results
where partition_id in ({marks}) group by partition_id
"""
_OUTPUT_SIZES = """
select partition_id, sequence, ordinal, bytes from stream_outputs
where partition_id in ({marks}) order by partition_id, sequence, ordinal
"""
_OWNER = "select owner from stream_partitions where id = ? and epoch = ?"
_READ_STATE = """
select states.from_offset, snapshots.sequence
from stream_states as states
left join stream_snapshots as snapshots on snapshots.state_id = states.id
where states.id = ?
"""
_READ_SNAPSHOT = "select body from stream_snapshots where state_id = ?"
_READ_DELTAS = """
select body from stream_deltas where state_id = ? and sequence > ? order by sequence
"""


@dataclass(frozen=True)
class _Active:
    id: int
    partition_id: int
    window_id: int
    name: str
    fingerprint: str


def settle_states(
    transaction: Transaction,
    owned: Mapping[int, Owned],
    windows: Mapping[str, Window],
    now_ms: int,
) -> dict[int, list[Retired]]:
    """Give the owned partitions (by id) the states of `windows`, and only those.

    A state of another definition is kept aside: its partition goes on without it, so
    it could not be used again. Gives what was retired, by partition id.
    """
    retired: dict[int, list[Retired]] = {number: [] for number in owned}
    wanted = {window.id for window in windows.values()}
    kept: set[tuple[int, int]] = set()
    for state in _active(transaction, owned):
        if state.window_id in wanted:
            kept.add((state.partition_id, state.window_id))
            continue
        note = Retired(state.name, state.fingerprint, _why(state, windows))
        retired[state.partition_id].append(note)
        transaction.run(_RETIRE, (now_ms, note.reason, state.id))
    rows = [
        (window.id, number, _offset(one), now_ms)
        for number, one in owned.items()
        for window in windows.values()
        if (number, window.id) not in kept
    ]
    transaction.many(_BEGIN, rows)
    _measure(transaction, owned)
    return retired


def retire_all(
    transaction: Transaction, owned: Owned, reason: str, now_ms: int
) -> list[Retired]:
    """Keep every state of a partition aside."""
    active = _active(transaction, [owned.id])
    for state in active:
        transaction.run(_RETIRE, (now_ms, reason, state.id))
    return [Retired(state.name, state.fingerprint, reason) for state in active]


def check_owner(transaction: Transaction, owned: Owned) -> None:
    """See that a partition was not claimed by anybody else.

    Raises:
        Fenced: it was.
    """
    if not transaction.rows(_OWNER, (owned.id, owned.epoch)):
        topic = owned.source.topic
        raise Fenced(topic, [owned.partition], why="somebody else claimed it")


def read_state(transaction: Transaction, state: StateLog) -> Stored:
    """What it takes to restore a state."""
    ((from_offset, sequence),) = transaction.rows(_READ_STATE, (state.id,))
    snapshot = transaction.blobs(_READ_SNAPSHOT, (state.id,))
    after = NOTHING_READ if sequence is None else sequence
    return Stored(
        from_offset=None if from_offset == NOTHING_READ else from_offset,
        snapshot=snapshot[0] if snapshot else None,
        deltas=tuple(transaction.blobs(_READ_DELTAS, (state.id, after))),
    )


def _active(
    transaction: Transaction, partition_ids: Sequence[int] | Mapping[int, Owned]
) -> list[_Active]:
    ids = list(partition_ids)
    rows = transaction.rows(_ACTIVE.format(marks=marks(ids)), ids)
    return [_Active(*row) for row in rows]


def _offset(owned: Owned) -> int:
    return NOTHING_READ if owned.next_offset is None else owned.next_offset


def _why(state: _Active, windows: Mapping[str, Window]) -> str:
    now = windows.get(state.name)
    if now is None:
        return "the window is no longer declared"
    return f"the definition changed from {state.fingerprint} to {now.fingerprint}"


def _measure(transaction: Transaction, owned: Mapping[int, Owned]) -> None:
    """Note the states of each partition, and how much is stored for it."""
    logs: dict[int, StateLog] = {}
    for state in _active(transaction, owned):
        logs[state.id] = StateLog(state.id)
        owned[state.partition_id].states[state.name] = logs[state.id]
    _measure_logs(transaction, logs)
    ids = list(owned)
    for number, size in transaction.rows(_RESULT_SIZES.format(marks=marks(ids)), ids):
        owned[number].results_bytes = int(size)
    for *key, size in transaction.rows(_OUTPUT_SIZES.format(marks=marks(ids)), ids):
        output = OutputId(*key)
        owned[output.partition_id].outputs[output] = size


def _measure_logs(transaction: Transaction, logs: Mapping[int, StateLog]) -> None:
    ids = list(logs)
    transaction.run(_CLEAR_LOGS.format(marks=marks(ids)), ids)
    rows = transaction.rows(_LOG_SIZES.format(marks=marks(ids)), ids)
    for number, size, count, first in rows:
        logs[number].log_bytes, logs[number].deltas = int(size), count
        logs[number].first_sequence = first
    for number, size in transaction.rows(_SNAPSHOT_SIZES.format(marks=marks(ids)), ids):
        logs[number].snapshot_bytes = size
