"""The training set: spine, features and targets of every row whose outcome is known."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.core.training.columns import CUTOFF
from analytics_platform.core.training.split import Instants


@dataclass(frozen=True)
class TrainingSet:
    """Rows ordered by key; columns are the key, the cut-off, inputs and targets."""

    table: pa.Table

    @classmethod
    def of(cls, table: pa.Table, ahead: timedelta = timedelta(0)) -> Self:
        """The set in its one canonical form, whichever engine gave the table.

        Its cut-offs lie `ahead` of the instants that the table has for them.
        """
        canonical = _canonical(table)
        place = canonical.column_names.index(CUTOFF)
        cutoffs = pc.subtract(canonical[CUTOFF], pa.scalar(ahead, pa.duration("us")))
        return cls(canonical.set_column(place, CUTOFF, cutoffs).combine_chunks())

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self.table.num_rows)

    @property
    def cutoffs(self) -> Instants:
        """The instant of each row's prediction (n), naive UTC."""
        instants: Instants = self.table[CUTOFF].to_numpy()
        return instants

    def column_types(self) -> dict[str, str]:
        """Arrow's type of each column."""
        return {field.name: str(field.type) for field in self.table.schema}

    def sha256(self) -> str:
        """A hash of names, types, values and nulls; of nothing else.

        It does not depend on the engine, on chunks, on what lies in memory under a
        null or on the version of a file format.
        """
        digest = hashlib.sha256()
        for name in self.table.column_names:
            column = self.table[name].combine_chunks()
            digest.update(f"{name}:{column.type}:{len(column)};".encode())
            digest.update(np.packbits(_bools(column.is_valid())).tobytes())
            for part in _values(column):
                digest.update(part)
        return digest.hexdigest()


def _canonical(table: pa.Table) -> pa.Table:
    columns = {name: _plain(table[name]) for name in table.column_names}
    return pa.table(columns)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column in one of six types; numbers as models see them, in float32."""
    kind = column.type
    if pa.types.is_integer(kind):
        return column.cast(pa.int64())
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        # A sum's last bits depend on the order in which an engine's threads finish.
        return column.cast(pa.float64()).cast(pa.float32(), safe=False)
    if pa.types.is_timestamp(kind):
        return column.cast(pa.timestamp("us", kind.tz)).cast(pa.timestamp("us"))
    if pa.types.is_boolean(kind) or pa.types.is_date(kind):
        return column
    return column.cast(pa.string())


def _values(column: pa.Array) -> list[bytes]:
    if pa.types.is_string(column.type):
        filled = column.fill_null("")
        lengths = pc.binary_length(filled).to_numpy(zero_copy_only=False)
        text = "".join(filled.to_pylist()).encode()
        return [lengths.astype("<i4").tobytes(), text]
    if pa.types.is_boolean(column.type):
        return [np.packbits(_bools(pc.fill_null(column, False))).tobytes()]
    if pa.types.is_temporal(column.type):
        width = pa.int32() if pa.types.is_date32(column.type) else pa.int64()
        column = column.cast(width)
    values = column.fill_null(0).to_numpy(zero_copy_only=False)
    return [(values + 0).tobytes()]  # + 0: minus zero is zero


def _bools(column: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.bool_)
