"""Reads what live windows gave from the state database, for the API and parity."""

from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, Engine, func, select

from analytics_platform.adapters.control_store.engine import open_engine, reading
from analytics_platform.adapters.control_store.tables import (
    STREAM_CLUSTERS,
    STREAM_JUMPS,
    STREAM_PARTITIONS,
    STREAM_RESULTS,
    STREAM_STATES,
    STREAM_WINDOWS,
)
from analytics_platform.core.live_results import (
    LateCounts,
    LiveResults,
    decode_late,
    decode_results,
    final_results,
    join_results,
    pick,
    sum_late,
)
from analytics_platform.errors import NotFound

_RESULTS, _LATE = "results", "late"


@dataclass(frozen=True)
class LiveSource:
    """One window definition on one topic of one cluster; `id` is the store's number."""

    id: int
    cluster: str
    topic: str
    window: str
    fingerprint: str


@dataclass(frozen=True)
class Span:
    """Windows that start at `start_ms` or later, and before `end_ms`."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True)
class Gap:
    """Events that were not read: from `from_offset` up to, without, `to_offset`."""

    from_offset: int
    to_offset: int
    reason: str


@dataclass(frozen=True)
class Coverage:
    """The events of a partition that a window has seen.

    Those from `from_offset` up to, without, `next_offset`, except in `gaps`.
    """

    partition: int
    from_offset: int
    next_offset: int
    gaps: tuple[Gap, ...]


@dataclass(frozen=True)
class LiveResultReader:
    """What the sidecar committed; it may go on committing meanwhile."""

    engine: Engine

    @classmethod
    def open(cls, url: str) -> "LiveResultReader":
        """The state database at a SQLAlchemy URL; connects when first used."""
        return cls(open_engine(url))

    def close(self) -> None:
        """Let go of idle connections."""
        self.engine.dispose()

    def sources(self) -> list[LiveSource]:
        """Every window definition there is, the one declared last first.

        Those of the cluster that was seen last come first.
        """
        known = STREAM_WINDOWS.c
        query = (
            select(known.id, known.cluster, known.topic, known.name, known.fingerprint)
            .outerjoin(STREAM_CLUSTERS, STREAM_CLUSTERS.c.id == known.cluster)
            .order_by(
                STREAM_CLUSTERS.c.last_seen_ms.desc(),
                known.declared_ms.desc(),
                known.id.desc(),
            )
        )
        with reading(self.engine) as connection:
            return [LiveSource(*row) for row in connection.execute(query)]

    def source(self, window: str, *, topic: str | None = None) -> LiveSource:
        """The newest definition of a window, in the cluster that was seen last.

        Raises:
            NotFound: no sidecar ever had such a window.
        """
        for source in self.sources():
            if source.window == window and topic in (None, source.topic):
                return source
        raise NotFound(
            f"There are no results of a live window {window!r}.",
            hint="Is it declared, and did the sidecar run since?",
        )

    def results(
        self, source: LiveSource, span: Span, *, key: str | None = None
    ) -> LiveResults:
        """The windows that stand, sorted by start, end and key."""
        return final_results(self.history(source, span, key=key))

    def history(
        self, source: LiveSource, span: Span, *, key: str | None = None
    ) -> LiveResults:
        """Every row ever emitted, revisions and retractions too.

        In order of emission for each partition, and so for each key.
        """
        bodies = self._bodies(source, span, _RESULTS)
        parts = [_inside(decode_results(body), span, key) for body in bodies]
        return join_results(parts)

    def late(
        self, source: LiveSource, span: Span, *, key: str | None = None
    ) -> LateCounts:
        """How many events came too late for each window, sorted like results."""
        total = sum_late([decode_late(b) for b in self._bodies(source, span, _LATE)])
        rows = [
            row
            for row, (start, name) in enumerate(
                zip(total.start_ms.tolist(), total.keys, strict=True)
            )
            if span.start_ms <= start < span.end_ms and key in (None, name)
        ]
        return LateCounts(
            keys=[total.keys[row] for row in rows],
            start_ms=total.start_ms[rows],
            end_ms=total.end_ms[rows],
            events=total.events[rows],
        )

    def latest(self, source: LiveSource, commits: int) -> LiveResults:
        """The windows that stand of so many commits, those with the newest starts."""
        stored = STREAM_RESULTS.c
        place = (stored.partition_id, stored.sequence, stored.ordinal)
        query = (
            select(*place, stored.body)
            .where(stored.window_id == source.id, stored.kind == _RESULTS)
            .order_by(stored.last_start_ms.desc())
            .limit(commits)
        )
        with reading(self.engine) as connection:
            rows = sorted(tuple(row) for row in connection.execute(query))
        bodies = [decode_results(bytes(body)) for *_, body in rows]
        return final_results(join_results(bodies))

    def emitted_until(self, source: LiveSource) -> int | None:
        """The greatest end among the windows with the newest start, if any.

        Windows that end before have been emitted: they are in the order of their ends.
        """
        stored = STREAM_RESULTS.c
        query = select(func.max(stored.last_start_ms)).where(
            stored.window_id == source.id, stored.kind == _RESULTS
        )
        with reading(self.engine) as connection:
            newest = connection.scalar(query)
        if newest is None:
            return None
        found = self.history(source, Span(newest, newest + 1))
        return int(found.end_ms.max())

    def coverage(self, source: LiveSource) -> list[Coverage]:
        """What the window has seen of each partition that was begun."""
        states, partitions = STREAM_STATES.c, STREAM_PARTITIONS.c
        query = (
            select(
                partitions.id,
                partitions.partition,
                states.from_offset,
                partitions.next_offset,
            )
            .join(STREAM_STATES, states.partition_id == partitions.id)
            .where(states.window_id == source.id, states.retired_ms.is_(None))
            .where(states.from_offset >= 0)
            .order_by(partitions.partition)
        )
        with reading(self.engine) as connection:
            return [
                Coverage(number, first, last, _gaps(connection, place, first))
                for place, number, first, last in connection.execute(query).all()
            ]

    def _bodies(self, source: LiveSource, span: Span, kind: str) -> list[bytes]:
        stored = STREAM_RESULTS.c
        query = (
            select(stored.body)
            .where(stored.window_id == source.id, stored.kind == kind)
            .where(stored.last_start_ms >= span.start_ms)
            .where(stored.first_start_ms < span.end_ms)
            .order_by(stored.partition_id, stored.sequence, stored.ordinal)
        )
        with reading(self.engine) as connection:
            return [bytes(body) for body in connection.scalars(query)]


def _inside(results: LiveResults, span: Span, key: str | None) -> LiveResults:
    starts = results.start_ms
    inside = (starts >= span.start_ms) & (starts < span.end_ms)
    if key is not None:
        inside &= np.fromiter((name == key for name in results.keys), np.bool_)
    if inside.all():
        return results
    return pick(results, np.flatnonzero(inside).astype(np.int64))


def _gaps(connection: Connection, partition_id: int, first: int) -> tuple[Gap, ...]:
    jumps = STREAM_JUMPS.c
    query = (
        select(jumps.from_offset, jumps.to_offset, jumps.reason)
        .where(jumps.partition_id == partition_id)
        .where(jumps.from_offset >= first, jumps.to_offset > jumps.from_offset)
        .distinct()
        .order_by(jumps.from_offset)
    )
    return tuple(Gap(*row) for row in connection.execute(query))
