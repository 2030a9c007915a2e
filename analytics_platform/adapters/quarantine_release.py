"""Puts quarantined data through the gate again, and lets in what is good by now."""

import pyarrow as pa

from analytics_platform.adapters.contract_gate import Gated, gate
from analytics_platform.adapters.publication import LoadResult, Publisher
from analytics_platform.adapters.sources.files import read_file
from analytics_platform.contracts.domain import FileInbox, TableSpec
from analytics_platform.contracts.records import QuarantineEntry
from analytics_platform.core.ingestion import Part, is_partitioned, part_of, scope_of
from analytics_platform.errors import Conflict, InvalidData, NotFound


def release(publisher: Publisher, id: str) -> LoadResult:
    """Publish the entry's rows under the contract as it is now, and close the entry.

    A partition that was held back takes the place of the published one; rows that
    were set aside alone are merged on the key. Rows that still break the contract
    stay in quarantine, under an entry of their own if others were let in.

    Raises:
        NotFound: no such entry, or its table or file is gone.
        Conflict: the entry is closed already.
        InvalidData: nothing of it keeps the contract yet; it stays in quarantine.
    """
    entry = publisher.store.quarantine.find(id)
    if entry.released_at or entry.resolved_at:
        raise Conflict(
            f"The quarantine entry {id} is closed already.",
            hint="See `analytics quarantine list`.",
        )
    spec = _spec(publisher, entry)
    rows = _rows(publisher, spec, entry)
    keys = [entry.partition] if entry.partition else None
    scope = scope_of(spec, publisher.domain.partitions, keys, publisher.at)
    with gate(spec, rows, scope, origin=entry.origin) as gated:
        result = _publish(publisher, spec, entry, gated)
        if spec.merges_into and not result.red:
            publisher.mark_unmerged(spec.merges_into, sorted(gated.good_days))
    if result.red or any(kept.id == id for kept in result.quarantined):
        raise InvalidData(
            f"The quarantine entry {id} still breaks the contract of {spec.name}: "
            f"{'; '.join(result.red.values()) or entry.reason}",
            hint="Mend the contract, or have the data sent again.",
        )
    return result


def _publish(
    publisher: Publisher, spec: TableSpec, entry: QuarantineEntry, gated: Gated
) -> LoadResult:
    if entry.partition is not None or not is_partitioned(spec):
        return publisher.publish(spec, [entry.partition], [gated], releasing=entry.id)
    # Single rows of partitions that hold others too: these must not be replaced, and
    # what the checks say of the whole partitions stays as it is.
    merging = spec.model_copy(update={"write": "merge"})
    parts: list[Part] = [part_of(day) for day in gated.rows if day is not None]
    return publisher.publish(merging, parts, [gated], judging=False, releasing=entry.id)


def _spec(publisher: Publisher, entry: QuarantineEntry) -> TableSpec:
    for spec in publisher.domain.tables:
        if spec.name == entry.table:
            return spec
    raise NotFound(
        f"The domain has no table {entry.table} any more.",
        hint="Declare it again, or leave the entry where it is.",
    )


def _rows(publisher: Publisher, spec: TableSpec, entry: QuarantineEntry) -> pa.Table:
    path = publisher.settings.home / entry.location
    if not path.is_file():
        raise NotFound(
            f"The quarantined data {entry.location} is gone.",
            hint="Restore it under ANALYTICS_HOME.",
        )
    source = spec.source
    null_text = source.null_text if isinstance(source, FileInbox) else ""
    return read_file(path.name, path.read_bytes(), null_text=null_text).rows
