"""Rows of published tables in memory, as expressions and feature views take them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analytics_platform.adapters.arrow_arrays import booleans, mask, numbers, valid
from analytics_platform.adapters.snapshots import Snapshot
from analytics_platform.contracts.domain import FeatureView
from analytics_platform.contracts.streams import Lookup
from analytics_platform.core.expression_arrays import Values
from analytics_platform.core.expressions import Kind, parse
from analytics_platform.core.feature_history import Entity, SourceRows
from analytics_platform.core.features import expressions_of, reach, relation_of
from analytics_platform.errors import InvalidData, InvalidUsage

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq


@dataclass(frozen=True)
class Stretch:
    """Cut-offs from `first_us` to before `until_us`, microseconds since 1970."""

    first_us: int
    until_us: int

    def has_source(self, view: FeatureView) -> tuple[int, int]:
        """Rows of the view's source matter that happened after this, before that."""
        return self.first_us - reach(view) // timedelta(microseconds=1), self.until_us


def source_rows(
    snapshot: Snapshot, views: Sequence[FeatureView], stretch: Stretch
) -> dict[str, SourceRows]:
    """Per view the rows of its source that matter in a stretch, as far as it reads.

    A table is read once for all its views, and of it no more than one row group is in
    memory at a time; those without a row that matters are not read.

    Raises:
        NotFound: the snapshot has no such table.
        InvalidUsage: the table lacks a column, or has one of an unusable type.
    """
    by_table: dict[str, list[FeatureView]] = {}
    for view in views:
        name = relation_of(view.source).rpartition(".")[2]
        by_table.setdefault(name, []).append(view)
    found: dict[str, SourceRows] = {}
    for name, some in by_table.items():
        tables = _read_stretch(snapshot, name, some, stretch)
        found |= {one.name: _source(one, tables[one.name]) for one in some}
    return found


def newest_us(snapshot: Snapshot, views: Sequence[FeatureView]) -> int | None:
    """When the newest row of the views' sources happened, as far as is noted.

    Raises:
        NotFound: the snapshot lacks a table.
    """
    import pyarrow.parquet as pq

    found = []
    for view in views:
        name = relation_of(view.source).rpartition(".")[2]
        about = pq.read_metadata(snapshot.path(name))
        groups = (about.row_group(one) for one in range(about.num_row_groups))
        found += [_told_us(one, view.event_time) for one in groups]
    return max((one[1] for one in found if one), default=None)


def lookup_rows(
    snapshot: Snapshot, lookup: Lookup
) -> tuple[Mapping[Entity, int], dict[str, Values]]:
    """Where the row of each key is, and the columns by the names they are given.

    Raises:
        NotFound: the snapshot has no such table.
        InvalidUsage: the table lacks a column, or has one of an unusable type.
        InvalidData: two rows have the same key.
    """
    table = _read(snapshot, lookup.table, {*lookup.key, *lookup.columns.values()})
    keys = _rows(table, tuple(lookup.key))
    places = {key: place for place, key in enumerate(keys) if None not in key}
    if len(places) < sum(None not in key for key in keys):
        raise InvalidData(
            f"The published table {lookup.table} has several rows for one "
            f"{', '.join(lookup.key)}.",
            hint="Look events up by a key of the table.",
        )
    columns = {name: _values(table, column) for name, column in lookup.columns.items()}
    return places, columns


def _source(view: FeatureView, table: "pa.Table") -> SourceRows:
    codes, entities = _coded(table, view.entity)
    return SourceRows(
        entities=entities,
        codes=codes,
        event_us=_instants(table, view.event_time),
        known_us=_instants(table, view.knowledge_time),
        columns={one: _values(table, one) for one in sorted(_needed(view))},
    )


def _needed(view: FeatureView) -> set[str]:
    """The columns that the view's expressions read."""
    needed: set[str] = set()
    if view.where:
        needed |= set(parse(view.where, Kind.BOOLEAN).columns)
    for feature in view.features:
        parsed = expressions_of(feature)
        needed |= set(parsed.value.columns)
        needed |= set(parsed.filter.columns) if parsed.filter else set()
    return needed


def _read_stretch(
    snapshot: Snapshot, name: str, views: Sequence[FeatureView], stretch: Stretch
) -> dict[str, "pa.Table"]:
    """Per view of a table, the rows that matter."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {
        view.name: sorted(
            {*_needed(view), *view.entity, view.event_time, view.knowledge_time}
        )
        for view in views
    }
    wanted = sorted(set().union(*columns.values()))
    with pq.ParquetFile(snapshot.path(name)) as file:
        _demand(name, wanted, file.schema_arrow.names)
        nothing = pa.Table.from_batches([], schema=file.schema_arrow)
        pieces = {one: [nothing.select(of)] for one, of in columns.items()}
        for group in range(file.num_row_groups):
            about = file.metadata.row_group(group)
            some = [one for one in views if _may_matter(about, one, stretch)]
            if some:
                rows = file.read_row_group(group, columns=wanted, use_threads=False)
            for one in some:
                mattering = _mattering(rows, one, stretch)
                pieces[one.name].append(mattering.select(columns[one.name]))
    return {one: pa.concat_tables(parts) for one, parts in pieces.items()}


def _may_matter(
    group: "pq.RowGroupMetaData", view: FeatureView, stretch: Stretch
) -> bool:
    """Whether a row group may have rows that matter, by its statistics."""
    told = _told_us(group, view.event_time)
    after, before = stretch.has_source(view)
    return told is None or (told[1] > after and told[0] < before)


def _told_us(group: "pq.RowGroupMetaData", column: str) -> tuple[int, int] | None:
    """The least and the greatest instant of a column, if that was noted."""
    for place in range(group.num_columns):
        found = group.column(place)
        told = found.statistics if found.path_in_schema == column else None
        if told is not None and told.has_min_max:
            return _us(told.min), _us(told.max)
    return None


def _us(found: date | datetime) -> int:
    """Microseconds since 1970."""
    if not isinstance(found, datetime):
        found = datetime(found.year, found.month, found.day)  # noqa: DTZ001 - UTC
    since = found.replace(tzinfo=None) - (found.utcoffset() or timedelta(0))
    return (since - datetime(1970, 1, 1)) // timedelta(microseconds=1)  # noqa: DTZ001


def _mattering(table: "pa.Table", view: FeatureView, stretch: Stretch) -> "pa.Table":
    happened = _instants(table, view.event_time)
    after, before = stretch.has_source(view)
    instants = happened.data.astype(np.int64)
    chosen = happened.valid & (instants > after) & (instants < before)
    return table.filter(mask(chosen))


def _read(snapshot: Snapshot, name: str, columns: set[str]) -> "pa.Table":
    import pyarrow.parquet as pq

    with pq.ParquetFile(snapshot.path(name)) as file:
        _demand(name, columns, file.schema_arrow.names)
        return file.read(columns=sorted(columns), use_threads=False)


def _demand(name: str, columns: Collection[str], found: Collection[str]) -> None:
    missing = set(columns) - set(found)
    if missing:
        raise InvalidUsage(
            f"The published table {name} has no column {', '.join(sorted(missing))}.",
            hint="Correct the declaration, or publish again.",
        )


def _rows(table: "pa.Table", columns: Sequence[str]) -> list[Entity]:
    return list(zip(*(table[name].to_pylist() for name in columns), strict=True))


def _coded(
    table: "pa.Table", columns: Sequence[str]
) -> tuple[NDArray[np.int64], list[Entity]]:
    """For each row the place of its entity (-1 if a part is null), and the entities."""
    import pyarrow as pa

    codes = np.zeros(table.num_rows, np.int64)
    present = np.ones(table.num_rows, np.bool_)
    parts: list[tuple[list[object], NDArray[np.int32]]] = []
    for name in columns:
        encoded = table[name].combine_chunks().dictionary_encode()
        present &= valid(encoded)
        index = numbers(encoded.indices.cast(pa.int32()), np.int32)
        parts.append((encoded.dictionary.to_pylist(), index))
        codes = codes * max(len(encoded.dictionary), 1) + index
        codes = np.unique(codes, return_inverse=True)[1].astype(np.int64)
    first = np.full(int(codes.max(initial=-1)) + 1, -1, np.int64)
    rows = np.flatnonzero(present)
    first[codes[rows[::-1]]] = rows[::-1]
    known = np.flatnonzero(first >= 0)
    place = np.full(first.size, -1, np.int64)
    place[known] = np.arange(known.size)
    named = (
        [names[one] for one in index[first[known]].tolist()] for names, index in parts
    )
    return np.where(present, place[codes], -1), list(zip(*named, strict=True))


def _instants(table: "pa.Table", name: str) -> Values:
    """Microseconds since 1970."""
    import pyarrow as pa

    found = table[name].cast(pa.timestamp("us")).cast(pa.int64()).combine_chunks()
    return Values(numbers(found, np.int64), valid(found))


def _values(table: "pa.Table", name: str) -> Values:
    import pyarrow as pa

    column, kind = table[name].combine_chunks(), table.schema.field(name).type
    present = valid(column)
    if pa.types.is_boolean(kind):
        return Values(booleans(column), present)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        texts = np.array([one or "" for one in column.to_pylist()], dtype=np.object_)
        return Values(texts, present)
    if pa.types.is_temporal(kind) or pa.types.is_nested(kind):
        raise InvalidUsage(
            f"The column {name} is {kind}, of which expressions know nothing.",
            hint="Use numbers, texts and conditions.",
        )
    floats = numbers(column.cast(pa.float64()), np.float64)
    return Values(floats, present & np.isfinite(floats))
