"""What live windows gave, as the sidecar commits it and as everybody reads it.

A blob holds the rows of one window definition, partition and commit, in the order in
which they were emitted (core/column_blobs.py has the format).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from analytics_platform.core.column_blobs import (
    Column,
    Columns,
    decode_columns,
    encode_columns,
)
from analytics_platform.errors import DamagedRecord

Integers = NDArray[np.int64]

_RESULTS = b"LR"
_LATE = b"LL"


class RowKind(IntEnum):
    """What a row of results says."""

    WINDOW = 0
    RETRACTION = 1


@dataclass(frozen=True, eq=False)
class LiveResults:
    """Windows and retractions, n rows; `values` are the aggregates by name.

    A window is named by its key, start and end. A later row of the same name replaces
    the earlier ones (its revision is higher), a retraction takes the window back.
    """

    keys: Sequence[str]
    kinds: Integers
    start_ms: Integers
    end_ms: Integers
    revisions: Integers
    values: Mapping[str, Column] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.keys)


@dataclass(frozen=True, eq=False)
class LateCounts:
    """How many events came too late for a window, n rows of (key, start, end)."""

    keys: Sequence[str]
    start_ms: Integers
    end_ms: Integers
    events: Integers

    def __len__(self) -> int:
        return len(self.keys)


def encode_results(results: LiveResults) -> bytes:
    """The results as one blob."""
    numbers = {
        "kind": Column(results.kinds),
        "start_ms": Column(results.start_ms),
        "end_ms": Column(results.end_ms),
        "revision": Column(results.revisions),
        **{f"value.{name}": column for name, column in results.values.items()},
    }
    return encode_columns(
        _RESULTS, Columns(len(results), numbers, {"key": results.keys})
    )


def decode_results(body: bytes) -> LiveResults:
    """The results in a blob.

    Raises:
        DamagedRecord: it holds no results, or in a format from the future.
    """
    columns = decode_columns(_RESULTS, body)
    return LiveResults(
        keys=_texts(columns, "key"),
        kinds=_integers(columns, "kind"),
        start_ms=_integers(columns, "start_ms"),
        end_ms=_integers(columns, "end_ms"),
        revisions=_integers(columns, "revision"),
        values={
            name.removeprefix("value."): column
            for name, column in columns.numbers.items()
            if name.startswith("value.")
        },
    )


def encode_late(late: LateCounts) -> bytes:
    """The counts as one blob."""
    numbers = {
        "start_ms": Column(late.start_ms),
        "end_ms": Column(late.end_ms),
        "events": Column(late.events),
    }
    return encode_columns(_LATE, Columns(len(late), numbers, {"key": late.keys}))


def decode_late(body: bytes) -> LateCounts:
    """The counts in a blob.

    Raises:
        DamagedRecord: it holds no counts, or in a format from the future.
    """
    columns = decode_columns(_LATE, body)
    return LateCounts(
        keys=_texts(columns, "key"),
        start_ms=_integers(columns, "start_ms"),
        end_ms=_integers(columns, "end_ms"),
        events=_integers(columns, "events"),
    )


def join_results(parts: Sequence[LiveResults]) -> LiveResults:
    """All rows of `parts`, one after the other.

    Raises:
        DamagedRecord: the parts have different aggregates.
    """
    filled = [part for part in parts if len(part)] or list(parts[:1])
    names = {name for part in filled for name in part.values}
    if any(set(part.values) != names for part in filled):
        raise DamagedRecord(
            "The results of one window definition do not all have the columns "
            f"{sorted(names)}.",
            hint="Give the changed window another fingerprint.",
        )
    return LiveResults(
        keys=[key for part in filled for key in part.keys],
        kinds=_joined([part.kinds for part in filled]),
        start_ms=_joined([part.start_ms for part in filled]),
        end_ms=_joined([part.end_ms for part in filled]),
        revisions=_joined([part.revisions for part in filled]),
        values={
            name: _joined_values([part.values[name] for part in filled])
            for name in sorted(names)
        },
    )


def pick(results: LiveResults, rows: Integers) -> LiveResults:
    """The rows of these numbers, in their order."""
    return LiveResults(
        keys=[results.keys[row] for row in rows.tolist()],
        kinds=results.kinds[rows],
        start_ms=results.start_ms[rows],
        end_ms=results.end_ms[rows],
        revisions=results.revisions[rows],
        values={
            name: Column(
                column.values[rows],
                None if column.valid is None else column.valid[rows],
            )
            for name, column in results.values.items()
        },
    )


def final_results(results: LiveResults) -> LiveResults:
    """The windows that stand: the last row of each, without retracted ones.

    Sorted by start, end and key.
    """
    starts, ends = results.start_ms.tolist(), results.end_ms.tolist()
    names = zip(starts, ends, results.keys, strict=True)
    last = {name: row for row, name in enumerate(names)}
    kinds = results.kinds.tolist()
    standing = [last[name] for name in sorted(last)]
    rows = [row for row in standing if kinds[row] == RowKind.WINDOW]
    return pick(results, np.array(rows, np.int64))


def sum_late(parts: Sequence[LateCounts]) -> LateCounts:
    """The counts added up by window, sorted by start, end and key."""
    totals: dict[tuple[int, int, str], int] = {}
    for part in parts:
        starts, ends = part.start_ms.tolist(), part.end_ms.tolist()
        rows = zip(starts, ends, part.keys, part.events.tolist(), strict=True)
        for start, end, key, events in rows:
            name = (start, end, key)
            totals[name] = totals.get(name, 0) + events
    names = sorted(totals)
    return LateCounts(
        keys=[key for _, _, key in names],
        start_ms=np.array([start for start, _, _ in names], np.int64),
        end_ms=np.array([end for _, end, _ in names], np.int64),
        events=np.array([totals[name] for name in names], np.int64),
    )


def _joined(parts: Sequence[Integers]) -> Integers:
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _joined_values(parts: Sequence[Column]) -> Column:
    values = np.concatenate([part.values for part in parts])
    if all(part.valid is None for part in parts):
        return Column(values)
    masks = [
        np.ones(part.values.size, np.bool_) if part.valid is None else part.valid
        for part in parts
    ]
    return Column(values, np.concatenate(masks))


def _integers(columns: Columns, name: str) -> Integers:
    if name not in columns.numbers:
        raise _lacks(name)
    return columns.numbers[name].values.astype(np.int64, copy=False)


def _texts(columns: Columns, name: str) -> Sequence[str]:
    if name not in columns.texts:
        raise _lacks(name)
    return columns.texts[name]


def _lacks(name: str) -> DamagedRecord:
    return DamagedRecord(
        f"A stored blob lacks the column {name}.",
        hint="It was damaged, or written by a newer version of the platform.",
    )
