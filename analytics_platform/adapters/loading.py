"""Loads a table from the source it declares: read, gate, stage, audit, publish."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from analytics_platform.adapters.contract_gate import gate
from analytics_platform.adapters.publication import LoadResult, Publisher
from analytics_platform.adapters.sources.arrival import Arrival
from analytics_platform.adapters.sources.cursor import cursor_after
from analytics_platform.adapters.sources.open import read_source
from analytics_platform.contracts.domain import TableSpec
from analytics_platform.core.ingestion import (
    Part,
    cursor_of,
    is_partitioned,
    scope_of,
)
from analytics_platform.errors import InvalidData


@dataclass(frozen=True)
class Loader:
    """Loads tables through a publisher; `environment` holds the sources' addresses."""

    publisher: Publisher
    environment: Mapping[str, str]

    def load(self, spec: TableSpec, keys: Sequence[str] | None = None) -> LoadResult:
        """Bring the partitions `keys` (None: the whole table) up to date.

        Raises:
            Unavailable: the source does not answer; nothing was changed.
            DiskFull: there was no room; nothing was changed.
        """
        parts: list[Part] = list(keys) if keys and is_partitioned(spec) else [None]
        partitions = self.publisher.domain.partitions
        scope = scope_of(spec, partitions, keys, self.publisher.at)
        arrival: Arrival | None = None
        try:
            arrival = self._read(spec, parts)
            with gate(spec, arrival.rows, scope, origin=arrival.origin) as gated:
                return self.publisher.publish(spec, parts, [gated])
        except InvalidData as error:
            return self.publisher.refuse(spec, parts, error, arrival=arrival)

    def _read(self, spec: TableSpec, parts: Sequence[Part]) -> Arrival:
        after = None
        if cursor_of(spec) is not None:
            with self.publisher.warehouse.session() as session:
                after = cursor_after(session, spec, parts)
        arrival = read_source(spec, after=after, environment=self.environment)
        if arrival.rows.num_columns or len(arrival.rows):
            return arrival
        # No record came, so no column either: an empty table keeps the contract.
        names = [column.name for column in spec.columns]
        empty = pa.table({name: pa.array([], pa.string()) for name in names})
        return Arrival(arrival.origin, empty)
