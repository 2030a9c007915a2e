"""Rows of published tables in memory, as expressions and feature views take them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analytics_platform.adapters.snapshots import Snapshot
from analytics_platform.contracts.domain import FeatureView
from analytics_platform.contracts.streams import Lookup
from analytics_platform.core.expression_arrays import Values
from analytics_platform.core.expressions import Kind, parse
from analytics_platform.core.feature_history import Entity, SourceRows
from analytics_platform.core.features import expressions_of, relation_of
from analytics_platform.errors import InvalidData, InvalidUsage

if TYPE_CHECKING:
    import pyarrow as pa


def source_rows(snapshot: Snapshot, view: FeatureView) -> SourceRows:
    """All rows of a view's source, with the columns that the view reads.

    Raises:
        NotFound: the snapshot has no such table.
        InvalidUsage: the table lacks a column, or has one of an unusable type.
    """
    needed: set[str] = set()
    if view.where:
        needed |= set(parse(view.where, Kind.BOOLEAN).columns)
    for feature in view.features:
        parsed = expressions_of(feature)
        needed |= set(parsed.value.columns)
        needed |= set(parsed.filter.columns) if parsed.filter else set()
    name = relation_of(view.source).rpartition(".")[2]
    instants = (view.event_time, view.knowledge_time)
    table = _read(snapshot, name, {*needed, *view.entity, *instants})
    codes, entities = _coded(table, view.entity)
    return SourceRows(
        entities=entities,
        codes=codes,
        event_us=_instants(table, view.event_time),
        known_us=_instants(table, view.knowledge_time),
        columns={one: _values(table, one) for one in sorted(needed)},
    )


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


def _read(snapshot: Snapshot, name: str, columns: set[str]) -> "pa.Table":
    import pyarrow.parquet as pq

    path = snapshot.path(name)
    missing = columns - set(pq.read_schema(path).names)
    if missing:
        raise InvalidUsage(
            f"The published table {name} has no column {', '.join(sorted(missing))}.",
            hint="Correct the declaration, or publish again.",
        )
    return pq.read_table(path, columns=sorted(columns))


def _rows(table: "pa.Table", columns: Sequence[str]) -> list[Entity]:
    return list(zip(*(table[name].to_pylist() for name in columns), strict=True))


def _coded(
    table: "pa.Table", columns: Sequence[str]
) -> tuple[NDArray[np.int64], list[Entity]]:
    """For each row the place of its entity (-1 if a part is null), and the entities."""
    import pyarrow.compute as pc

    codes = np.zeros(table.num_rows, np.int64)
    present = np.ones(table.num_rows, np.bool_)
    for name in columns:
        encoded = table[name].combine_chunks().dictionary_encode()
        present &= pc.is_valid(encoded).to_numpy(zero_copy_only=False)
        index = pc.fill_null(encoded.indices, 0).to_numpy().astype(np.int64)
        codes = codes * max(len(encoded.dictionary), 1) + index
        codes = np.unique(codes, return_inverse=True)[1].astype(np.int64)
    first = np.full(int(codes.max(initial=-1)) + 1, -1, np.int64)
    rows = np.flatnonzero(present)
    first[codes[rows[::-1]]] = rows[::-1]
    known = np.flatnonzero(first >= 0)
    place = np.full(first.size, -1, np.int64)
    place[known] = np.arange(known.size)
    entities = _rows(table.take(first[known]), columns)
    return np.where(present, place[codes], -1), entities


def _instants(table: "pa.Table", name: str) -> Values:
    """Microseconds since 1970."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = table[name].cast(pa.timestamp("us")).cast(pa.int64())
    valid = pc.is_valid(found).to_numpy()
    return Values(pc.fill_null(found, 0).to_numpy(), valid)


def _values(table: "pa.Table", name: str) -> Values:
    import pyarrow as pa
    import pyarrow.compute as pc

    column, kind = table[name], table.schema.field(name).type
    valid = pc.is_valid(column).to_numpy()
    if pa.types.is_boolean(kind):
        return Values(pc.fill_null(column, False).to_numpy(), valid)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        texts = np.array(pc.fill_null(column, "").to_pylist(), dtype=np.object_)
        return Values(texts, valid)
    if pa.types.is_temporal(kind) or pa.types.is_nested(kind):
        raise InvalidUsage(
            f"The column {name} is {kind}, of which expressions know nothing.",
            hint="Use numbers, texts and conditions.",
        )
    numbers = pc.fill_null(column.cast(pa.float64()), 0.0).to_numpy()
    return Values(numbers, valid & np.isfinite(numbers))
