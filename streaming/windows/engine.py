"""The window engine: takes events and time, gives windows, retractions, late events.

One engine holds one window definition and any number of partitions and keys. It is
synchronous, looks nothing up and depends on no clock but the `now_ms` it is given.
"""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from analytics_platform.errors import InvalidUsage
from streaming.windows import growth
from streaming.windows.compilation import Kernels, interpreted
from streaming.windows.days import CalendarDays
from streaming.windows.definition import StreamRules, WindowDefinition
from streaming.windows.emissions import Emissions, joined
from streaming.windows.extraction import (
    changed_partitions,
    extract,
    mark_kept,
    standing,
)
from streaming.windows.forgetting import disown, keys_in_use, without_closed
from streaming.windows.insertion import insert, renamed
from streaming.windows.intake import to_events
from streaming.windows.kept_state import DELTA, SNAPSHOT, kept_form
from streaming.windows.layout import (
    ABSENT,
    ACTIVE,
    DONE,
    FIRED,
    FLOOR,
    GREATEST,
    IDLE,
    KEY,
    NEVER,
    NEVER_YET,
    NOT_ASSIGNED,
    NOW,
    OUTPUTS,
    OWNER,
    PERCENTILES,
    RETURNED,
    SEEN,
    STATUS,
    WATERMARK,
)
from streaming.windows.ownership import drop_partitions
from streaming.windows.room import more_keys, more_partitions, new_state
from streaming.windows.slots import Batch, SlotSpec

_NOBODY = -1
# Later than every window's end, earlier than "no window is open".
_AFTER_ALL = NEVER - 1


class WindowEngine:
    """Event-time windows over the partitions that are assigned to it.

    A partition's watermark is its greatest timestamp less the out-of-orderness; windows
    that end at or before the minimum over the partitions that are not idle are emitted.
    An event is late for a window if the window's end plus the allowed lateness is at or
    before the watermark of the event's own partition, or the overall one when that
    partition came back from being idle. Results do not depend on how events are cut
    into batches.
    """

    def __init__(
        self,
        definition: WindowDefinition,
        rules: StreamRules | None = None,
        slots: Sequence[SlotSpec] = (),
        *,
        kernels: Kernels | None = None,
    ) -> None:
        self.definition = definition
        self.rules = rules or StreamRules()
        self.slots = tuple(slots)
        self._kernels = kernels or interpreted()
        self._state = new_state(definition, self.rules, self.slots)
        self._form = kept_form(definition, self.rules, self.slots)
        self._days = None
        if definition.type == "calendar_day":
            self._days = CalendarDays(definition.timezone or "UTC")

    def assign(self, partitions: Collection[int]) -> None:
        """Take partitions without events so far; those assigned already stay.

        Until it has an event or is idle, a partition holds all others back.
        """
        self._state = more_partitions(self._state, max(partitions, default=-1) + 1)
        held = self._state.partitions
        new = [p for p in partitions if held[p, STATUS] == ABSENT]
        if new:
            self._keep_floors()
            held[new] = NEVER_YET
            held[new, STATUS] = ACTIVE
            self._restart_watermark()

    def restore(
        self,
        partition: int,
        snapshot: bytes | None,
        deltas: Sequence[bytes] = (),
        key_ids: NDArray[np.int32] | None = None,
    ) -> None:
        """Take a partition with the state that was kept of it, deltas oldest first.

        `key_ids[old]` is the id that a key has now, where ids have changed. Idleness
        is kept, but silence is counted anew.

        Raises:
            InvalidUsage: the partition is assigned already.
            Conflict: the state is another definition's.
            DamagedRecord: the state cannot be read.
        """
        if partition in self.assigned:
            raise InvalidUsage(
                f"Partition {partition} is assigned already.", hint="Revoke it first."
            )
        first = [] if snapshot is None else [self._form.decode(SNAPSHOT, snapshot)]
        log = first + [self._form.decode(DELTA, delta) for delta in deltas]
        self.assign([partition])
        if log:
            self._keep_floors()
            standing = log[-1].partition[0]
            held = self._state.partitions[partition]
            held[[STATUS, GREATEST, RETURNED, FLOOR]] = standing
            kept = [renamed(one, key_ids) for one in log]
            self._state = insert(self._state, self._kernels, partition, kept)
            self._restart_watermark()

    def delta(self) -> dict[int, bytes]:
        """What changed in each partition since the last call."""
        state, changed = self._state, changed_partitions(self._state)
        found = {
            one: self._form.encode(DELTA, extract(state, one, changed=True))
            if one in changed
            else self._form.encode_unchanged(standing(state, one))
            for one in self.assigned
        }
        mark_kept(state)
        return found

    def snapshot(self, partitions: Collection[int] | None = None) -> dict[int, bytes]:
        """All of each partition's state; what `delta` gives next does not change."""
        return {
            one: self._form.encode(SNAPSHOT, extract(self._state, one, changed=False))
            for one in self.assigned
            if partitions is None or one in partitions
        }

    def forget_closed(self) -> None:
        """Give up now what no event can count for any more; it is done when needed."""
        self._state = without_closed(self._state, self._kernels)

    def uses(self, keys: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Of which of n keys something is held, or a change was not kept yet."""
        used = keys_in_use(self._state)
        known = keys < used.size
        return known & used[np.where(known, keys, 0)] if used.size else known

    def disown(self, keys: NDArray[np.int32]) -> None:
        """Forget keys that are not used; their ids may stand for other keys."""
        disown(self._state, keys)

    def revoke(self, partitions: Collection[int]) -> None:
        """Forget partitions and the state of all keys that came from them."""
        held = self._state.partitions
        gone = [
            p for p in partitions if p < held.shape[0] and held[p, STATUS] != ABSENT
        ]
        if gone:
            self._state = drop_partitions(self._state, self._kernels, gone)
            self._kernels.advance(self._state)

    @property
    def assigned(self) -> list[int]:
        """The partitions held, rising."""
        return np.flatnonzero(self._state.partitions[:, STATUS] != ABSENT).tolist()

    def add(self, batch: Batch, now_ms: int | None = None) -> Emissions:
        """Take events in their order; `now_ms` is the processing time of all of them.

        Without `now_ms` the time stays what it was.

        Raises:
            InvalidUsage: a partition is not assigned, or the batch lacks a column.
        """
        if not len(batch):
            return self._none()
        self._prepare(batch)
        self._set_time(now_ms, busy=int(batch.partition[0]))
        return self._run(batch)

    def tick(self, now_ms: int) -> Emissions:
        """Let time pass: partitions without events for long enough are idle."""
        self._set_time(now_ms, busy=_NOBODY)
        return self._run(self._no_events())

    def resume(self, now_ms: int, partitions: Sequence[int] | None = None) -> None:
        """Begin to count idleness anew, after a time in which nothing was read.

        With `partitions`, only theirs: they have events that were not taken yet.
        """
        held = self._state.partitions
        held[slice(None) if partitions is None else list(partitions), SEEN] = now_ms

    def flush(self) -> Emissions:
        """Emit all that is still open; every event after this is late."""
        self._state.clock[WATERMARK] = _AFTER_ALL
        self._state.partitions[:, RETURNED] = _AFTER_ALL
        return self._run(self._no_events())

    @property
    def watermark(self) -> int | None:
        """The minimum over the partitions that are not idle, None before any event."""
        return _instant(self._state.clock[WATERMARK])

    def partition_watermark(self, partition: int) -> int | None:
        """A partition's greatest timestamp less the out-of-orderness."""
        greatest = self._state.partitions[partition, GREATEST]
        if greatest == NEVER_YET:
            return None
        return int(greatest) - self.rules.out_of_orderness_ms

    def idle_partitions(self) -> list[int]:
        """The partitions that hold nobody back."""
        return np.flatnonzero(self._state.partitions[:, STATUS] == IDLE).tolist()

    def _prepare(self, batch: Batch) -> None:
        if batch.partition.max() >= self._state.partitions.shape[0]:
            raise _not_assigned(int(batch.partition.max()))
        if batch.key.min() < 0 or batch.partition.min() < 0:
            raise InvalidUsage(
                "A batch has a negative key or partition.", hint="Count from 0."
            )
        self._state = more_keys(self._state, int(batch.key.max()) + 1)

    def _set_time(self, now_ms: int | None, busy: int) -> None:
        if now_ms is None:
            return
        clock = self._state.clock
        clock[NOW] = max(int(clock[NOW]), now_ms)
        timeout = self.rules.idle_timeout_ms
        if timeout is not None:
            self._kernels.rest(self._state, int(clock[NOW]), timeout, busy)

    def _run(self, batch: Batch) -> Emissions:
        """Take all events, making room whenever the kernel finds too little."""
        run = self._kernels.run_slices
        if self.definition.type == "session":
            run = self._kernels.run_sessions
        events = to_events(batch, self.slots, self._days, self.rules)
        taken: list[Emissions] = []
        place, status = run(self._state, events, 0)
        while status != DONE:
            if status == NOT_ASSIGNED:
                raise _not_assigned(int(batch.partition[place]))
            taken += self._take()
            self._state = growth.make_room(self._state, self._kernels, status)
            place, status = run(self._state, events, place)
        return joined(taken + self._take(), self._none())

    def _take(self) -> list[Emissions]:
        """The lines written so far, which makes room for more."""
        written = int(self._state.clock[OUTPUTS])
        self._state.clock[OUTPUTS] = 0
        return [self._lines(written)] if written else []

    def _none(self) -> Emissions:
        return self._lines(0)

    def _lines(self, number: int) -> Emissions:
        state = self._state
        lines = state.lines[:number].copy()
        quantiles = state.quantile_slots.shape[0]
        estimates = state.estimates[:number].copy()
        split = len(PERCENTILES) * quantiles
        return Emissions(
            slots=self.slots,
            step_ms=self.definition.step_ms,
            lines=lines,
            partitions=state.keys[lines[:, KEY], OWNER],
            real=state.line_real[:number].copy(),
            whole=state.line_whole[:number].copy(),
            quantiles=estimates[:, :split].reshape(number, quantiles, len(PERCENTILES)),
            distinct=estimates[:, split:],
        )

    def _no_events(self) -> Batch:
        return Batch(
            ts_ms=np.zeros(0, np.int64),
            partition=np.zeros(0, np.int32),
            key=np.zeros(0, np.int32),
        )

    def _keep_floors(self) -> None:
        """Write down how far each partition's windows were emitted."""
        held = self._state.partitions
        fired = self._state.clock[FIRED]
        mine = held[:, STATUS] != ABSENT
        held[mine, FLOOR] = np.maximum(held[mine, FLOOR], fired)

    def _restart_watermark(self) -> None:
        """Let the watermark go back to where a new partition is.

        What is due then is emitted with the next events or tick, not skipped.
        """
        clock, held = self._state.clock, self._state.partitions
        clock[WATERMARK] = NEVER_YET
        self._kernels.advance(self._state)
        clock[FIRED] = held[held[:, STATUS] != ABSENT, FLOOR].min()
        self._kernels.next_end(self._state)


def _instant(ms: NDArray[np.int64] | np.int64) -> int | None:
    return None if ms == NEVER_YET else int(ms)


def _not_assigned(partition: int) -> InvalidUsage:
    return InvalidUsage(
        f"An event came from partition {partition}, which is not assigned.",
        hint="Assign it first.",
    )
