"""What is aggregated: the values of an event, and the events of a batch."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analytics_platform.errors import InvalidUsage

Integers = NDArray[np.int64]
Ids = NDArray[np.int32]
Numbers = NDArray[np.float64]
Mask = NDArray[np.bool_]
SlotKind = Literal["float", "integer", "identity"]


@dataclass(frozen=True)
class SlotSpec:
    """One value of each event, and what is kept of it beside the count of events.

    float and integer: how many are not null, sum, min, max; integers stay exact. With
    `quantiles` also p50, p90, p95 and p99. identity: how many different ones there are.
    """

    name: str
    kind: SlotKind = "float"
    quantiles: bool = False

    def __post_init__(self) -> None:
        if self.kind == "identity" and self.quantiles:
            raise InvalidUsage(
                f"The slot {self.name} has identities, which have no order.",
                hint="Ask for quantiles of numbers.",
            )


@dataclass(frozen=True, eq=False)
class SlotValues:
    """The values of one slot, n of them: float64 or int64, by the slot's kind.

    `valid` is False where there is none; a float that is not finite is none either.
    """

    values: Numbers | Integers
    valid: Mask | None = None


@dataclass(frozen=True, eq=False)
class Batch:
    """Events in the order in which they came, n of each.

    `key` holds small ids, counted from 0, that the caller gave to the keys; `event_id`
    a 64 bit hash or number of each event's id, needed where duplicates are dropped.
    """

    ts_ms: Integers
    partition: Ids
    key: Ids
    values: Sequence[SlotValues] = field(default_factory=tuple)
    event_id: Integers | None = None

    def __len__(self) -> int:
        return self.ts_ms.size

    def part(self, begin: int, end: int) -> "Batch":
        """The events from `begin` to before `end`."""
        cut = slice(begin, end)
        return Batch(
            ts_ms=self.ts_ms[cut],
            partition=self.partition[cut],
            key=self.key[cut],
            values=[
                SlotValues(
                    one.values[cut], None if one.valid is None else one.valid[cut]
                )
                for one in self.values
            ],
            event_id=None if self.event_id is None else self.event_id[cut],
        )
