"""Compares two profiles of an asset: what a column holds now and held before."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from math import log

from analytics_platform.contracts.records import ColumnProfile, Scalar, TableProfile

NULL_SHARE_POINTS = 0.05
RANGE_GROWTH = 0.10  # of the range before
CARDINALITY_RATIO = 1.5
FEW_VALUES = 1_000  # above, the number of distinct values follows that of rows
ROWS_RATIO = 1.5
# Siddiqi, Credit Risk Scorecards (2006): above 0.25 a population has shifted.
MAJOR_SHIFT = 0.25
_SMALLEST_SHARE = 1e-4  # an empty bin would make the index infinite
_FEWEST_ROWS = 200  # below, the index measures chance


class ChangeKind(StrEnum):
    """What changed between two profiles."""

    ADDED = "column added"
    REMOVED = "column removed"
    TYPE = "type"
    ROWS = "rows"
    NULLS = "null share"
    RANGE = "range"
    DISTINCT = "distinct values"
    DISTRIBUTION = "distribution"


@dataclass(frozen=True)
class Change:
    """A change worth a look, in words; `column` is None for the table as a whole."""

    column: str | None
    kind: ChangeKind
    change: str


def before_of(
    profile: TableProfile, earlier: Sequence[TableProfile]
) -> TableProfile | None:
    """The newest of `earlier` (newest first) that covers as many partitions."""
    count = len(profile.partitions)
    return next((one for one in earlier if len(one.partitions) == count), None)


def compare(before: TableProfile, after: TableProfile) -> list[Change]:
    """What changed more than data does by itself, the table first, then by column.

    Reported are: added and removed columns, types, a null share that moved by 5 points
    or more, a range that grew by more than a tenth, half as many distinct values again
    (of columns with few), half as many rows again, and a population stability index
    over 0.25.
    """
    was = {column.name: column for column in before.columns}
    now = {column.name: column for column in after.columns}
    changes = list(_row_changes(before, after))
    changes += [
        Change(name, ChangeKind.REMOVED, f"was {was[name].type}")
        for name in was.keys() - now.keys()
    ]
    for name, column in now.items():
        if name not in was:
            changes.append(Change(name, ChangeKind.ADDED, f"is {column.type}"))
        elif before.rows and after.rows:
            enough = min(before.rows, after.rows) >= _FEWEST_ROWS
            changes += _column_changes(was[name], column, enough=enough)
    return sorted(changes, key=lambda one: (one.column or "", one.kind))


def stability_index(before: ColumnProfile, after: ColumnProfile) -> float | None:
    """Population stability index of two histograms; None without a histogram.

    Sum of (a - b) ln(a / b) over the bins of `before`, opened to both sides; a and b
    are the shares of values in a bin, at least 1e-4. Values are taken as spread evenly
    within the bins of `after`.
    """
    total = sum(before.histogram_counts)
    if not total or not sum(after.histogram_counts):
        return None
    inner = before.histogram_edges[1:-1]
    shares_before = [count / total for count in before.histogram_counts]
    reached = [0.0, *(_share_below(after, edge) for edge in inner), 1.0]
    shares_after = [high - low for low, high in pairwise(reached)]
    return sum(_shift(b, a) for b, a in zip(shares_before, shares_after, strict=True))


def _row_changes(before: TableProfile, after: TableProfile) -> Iterator[Change]:
    few, many = sorted((before.rows, after.rows))
    if many > few * ROWS_RATIO:
        words = f"{before.rows:,} → {after.rows:,}"
        yield Change(None, ChangeKind.ROWS, words)


def _column_changes(
    was: ColumnProfile, now: ColumnProfile, *, enough: bool
) -> Iterator[Change]:
    if was.type != now.type:
        yield Change(now.name, ChangeKind.TYPE, f"{was.type} → {now.type}")
    if abs(now.null_share - was.null_share) >= NULL_SHARE_POINTS:
        words = f"{was.null_share:.1%} → {now.null_share:.1%}"
        yield Change(now.name, ChangeKind.NULLS, words)
    if _grew(was, now):
        yield Change(now.name, ChangeKind.RANGE, f"{_range(was)} → {_range(now)}")
    few, many = sorted((was.distinct, now.distinct))
    if was.distinct <= FEW_VALUES and many > few * CARDINALITY_RATIO:
        words = f"{was.distinct:,} → {now.distinct:,}"
        yield Change(now.name, ChangeKind.DISTINCT, words)
    index = stability_index(was, now) if enough else None
    if index is not None and index > MAJOR_SHIFT:
        words = f"population stability index {index:.2f}"
        yield Change(now.name, ChangeKind.DISTRIBUTION, words)


def _grew(was: ColumnProfile, now: ColumnProfile) -> bool:
    old_low, old_high = _number(was.minimum), _number(was.maximum)
    low, high = _number(now.minimum), _number(now.maximum)
    if old_low is None or old_high is None or low is None or high is None:
        return False
    slack = (old_high - old_low) * RANGE_GROWTH
    return low < old_low - slack or high > old_high + slack


def _range(column: ColumnProfile) -> str:
    return f"{_shown(column.minimum)} to {_shown(column.maximum)}"


def _shown(value: Scalar) -> str:
    """Six digits are as many as anybody compares."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _number(value: Scalar) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and value is not None else None


def _share_below(column: ColumnProfile, value: float) -> float:
    """The share of values below `value`, by the column's histogram."""
    edges, counts = column.histogram_edges, column.histogram_counts
    if value <= edges[0]:
        return 0.0
    if value >= edges[-1]:
        # A constant column's one bin has no width: all of it lies at its edge.
        return 1.0 if value > edges[-1] or edges[0] < edges[-1] else 0.0
    at = bisect_right(edges, value) - 1
    within = (value - edges[at]) / (edges[at + 1] - edges[at])
    return (sum(counts[:at]) + counts[at] * within) / sum(counts)


def _shift(before: float, after: float) -> float:
    before, after = max(before, _SMALLEST_SHARE), max(after, _SMALLEST_SHARE)
    return (after - before) * log(after / before)
