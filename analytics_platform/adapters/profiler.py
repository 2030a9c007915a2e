"""Profiles the columns of a relation inside the warehouse, in three statements."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from analytics_platform.adapters.failing_rows import plain
from analytics_platform.adapters.profiled_columns import ProfiledColumn
from analytics_platform.adapters.relations import partitions_of, require_relation
from analytics_platform.adapters.warehouse import Session, Value
from analytics_platform.contracts.records import (
    ColumnProfile,
    Scalar,
    TableProfile,
)

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
TOP_VALUES = 10
BINS = 20
_LOADER = "_dlt"  # bookkeeping columns of the loader say nothing of the data


@dataclass(frozen=True)
class _Summary:
    present: int
    minimum: Scalar = None
    maximum: Scalar = None
    mean: float | None = None


@dataclass(frozen=True)
class _Spread:
    quantiles: dict[str, float]
    edges: tuple[float, ...]
    counts: tuple[int, ...]


def profile(
    session: Session,
    relation: str,
    partitions: Sequence[str] | None = None,
    *,
    personal: Collection[str] = (),
) -> tuple[int, tuple[ColumnProfile, ...]]:
    """The rows of `schema.table` and what each of its columns holds.

    `partitions` are of its column `partition_date`. Counts are exact. Quantiles are
    values that occur (numpy's `inverted_cdf`); the histogram has 20 bins of equal
    width, the last one closed; numbers that are not finite, or beyond 1e300, count as
    present and are in nothing else. Of `personal` columns only null share and
    distinct count are told.

    Raises:
        NotFound: the relation does not exist.
    """
    columns = [
        ProfiledColumn(name, type_name, name in personal)
        for name, type_name in require_relation(session, relation).items()
        if not name.startswith(_LOADER)
    ]
    source = partitions_of(relation, partitions)
    rows, summaries = _summaries(session, source, columns)
    values = _values(session, source, columns)
    spreads = _spreads(session, source, _spreading(columns, summaries))
    return rows, tuple(
        _column_profile(
            column,
            rows,
            summaries[column.name],
            values.get(column.name, ()),
            spreads.get(column.name),
        )
        for column in columns
    )


def table_profile(
    measured: tuple[int, tuple[ColumnProfile, ...]],
    *,
    asset: str,
    partitions: Sequence[str] | None,
    run_id: str,
    profiled_at: datetime,
) -> TableProfile:
    """What `profile` measured, as the record that the control store keeps."""
    rows, columns = measured
    return TableProfile(
        asset=asset,
        partitions=tuple(partitions or ()),
        rows=rows,
        columns=columns,
        run_id=run_id,
        profiled_at=profiled_at,
    )


def _summaries(
    session: Session, source: str, columns: Sequence[ProfiledColumn]
) -> tuple[int, dict[str, _Summary]]:
    """One pass: per column the values present, smallest, largest and mean."""
    parts = ["count(*)"]
    for column in columns:
        shown = column.shows_range
        mean = f"avg(cast({column.value} as double precision))"
        parts += [
            f'count("{column.name}")',
            column.lowest if shown else "null",
            column.highest if shown else "null",
            mean if shown and column.is_number else "null",
        ]
    (found,) = session.rows(f"select {', '.join(parts)} from {source}")
    summaries = {}
    for index, column in enumerate(columns):
        present, low, high, mean_value = found[1 + 4 * index : 5 + 4 * index]
        summaries[column.name] = _Summary(
            present=_integer(present),
            minimum=column.shown(low),
            maximum=column.shown(high),
            mean=None if mean_value is None else _number(mean_value),
        )
    return _integer(found[0]), summaries


def _values(
    session: Session, source: str, columns: Sequence[ProfiledColumn]
) -> dict[str, list[tuple[Scalar, int, int]]]:
    """One statement: per column the most frequent values, with count and distinct."""
    branches = [
        f"select * from (select {index} as position, cast(value as varchar) as value, "
        "rows_with_it, count(*) over () as distinct_values from ("
        f"select {column.value} as value, count(*) as rows_with_it from {source} "
        f'where "{column.name}" is not null group by 1) counted_{index} '
        f"order by rows_with_it desc, value limit {TOP_VALUES}) top_{index}"
        for index, column in enumerate(columns)
    ]
    found: dict[str, list[tuple[Scalar, int, int]]] = {}
    for position, value, count, distinct in session.rows(" union all ".join(branches)):
        column = columns[_integer(position)]
        shown = _number_text(value) if column.is_number else plain(value)
        found.setdefault(column.name, []).append(
            (shown, _integer(count), _integer(distinct))
        )
    return {
        name: sorted(values, key=lambda one: (-one[1], str(one[0])))
        for name, values in found.items()
    }


def _spreading(
    columns: Sequence[ProfiledColumn], summaries: Mapping[str, _Summary]
) -> dict[str, tuple[ProfiledColumn, tuple[float, ...]]]:
    """The numeric columns that have values, with the edges of their bins."""
    spreading = {}
    for column in columns:
        summary = summaries[column.name]
        if column.is_number and summary.minimum is not None and column.shows_range:
            low, high = _number(summary.minimum), _number(summary.maximum)
            spreading[column.name] = (column, _edges(low, high))
    return spreading


def _spreads(
    session: Session,
    source: str,
    spreading: Mapping[str, tuple[ProfiledColumn, tuple[float, ...]]],
) -> dict[str, _Spread]:
    """One statement: quantiles and histogram of each numeric column."""
    if not spreading:
        return {}
    branches = [
        _spread_branch(name, column, edges, source)
        for name, (column, edges) in spreading.items()
    ]
    found = session.rows(" union all ".join(branches))
    spreads = {}
    for name, rows in groupby(sorted(found, key=lambda row: str(row[0])), _first):
        row = next(iter(rows))
        _, edges = spreading[str(name)]
        quantiles = row[1 : 1 + len(QUANTILES)]
        counts = row[1 + len(QUANTILES) :]
        spreads[str(name)] = _Spread(
            {
                f"{share:g}": _number(value)
                for share, value in zip(QUANTILES, quantiles, strict=True)
            },
            edges,
            tuple(_integer(count) for count in counts[: len(edges) - 1]),
        )
    return spreads


def _spread_branch(
    name: str, column: ProfiledColumn, edges: tuple[float, ...], source: str
) -> str:
    quantiles = [
        f"min(case when up_to_it >= {share} * total then value end)"
        for share in QUANTILES
    ]
    last = len(edges) - 2
    counts = [
        f"sum(case when value >= {edges[index]!r} and value "
        f"{'<=' if index == last else '<'} {edges[index + 1]!r} "
        "then rows_with_it else 0 end)"
        for index in range(last + 1)
    ]
    counts += ["0"] * (BINS - len(counts))
    return (
        f"select '{name}', {', '.join([*quantiles, *counts])} from ("
        "select value, rows_with_it, "
        "sum(rows_with_it) over (order by value) as up_to_it, "
        "sum(rows_with_it) over () as total from ("
        "select value, count(*) as rows_with_it from ("
        f"select cast({column.value} as double precision) as value from {source}) cast_"
        " where value is not null group by value) counted) ordered"
    )


def _edges(low: float, high: float) -> tuple[float, ...]:
    if low == high:
        return (low, high)
    width = (high - low) / BINS
    return (*(low + width * index for index in range(BINS)), high)


def _column_profile(
    column: ProfiledColumn,
    rows: int,
    summary: _Summary,
    values: Sequence[tuple[Scalar, int, int]],
    spread: _Spread | None,
) -> ColumnProfile:
    top = () if column.is_personal else tuple((value, n) for value, n, _ in values)
    return ColumnProfile(
        name=column.name,
        type=column.type,
        null_share=1 - summary.present / rows if rows else 0.0,
        distinct=values[0][2] if values else 0,
        minimum=summary.minimum,
        maximum=summary.maximum,
        mean=summary.mean,
        quantiles=spread.quantiles if spread else {},
        top_values=top,
        histogram_edges=spread.edges if spread else (),
        histogram_counts=spread.counts if spread else (),
    )


def _first(row: tuple[Value, ...]) -> Value:
    return row[0]


def _number_text(value: Value) -> Scalar:
    """A number that went through text, an integer where it is one."""
    if value is None:
        return None
    number = float(str(value))
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _integer(value: Value) -> int:
    return int(_number(value))


def _number(value: Value) -> float:
    if value is None or isinstance(value, date):
        raise TypeError(f"Expected a number, got {value!r}.")
    return float(value)
