"""Up to where stream and mart are known of a live window, and what to say of that."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from analytics_platform.adapters.event_offsets import EventOffsets, Place
from analytics_platform.adapters.live_results import LiveResultReader, LiveSource
from analytics_platform.adapters.promotion import RAW
from analytics_platform.contracts.streams import EventStream, LiveWindow
from analytics_platform.core.event_rows import CLUSTER
from analytics_platform.core.event_span import (
    EventSpan,
    Seen,
    covered_span,
    reached_by_all,
)
from analytics_platform.core.exact_casts import literal, quoted
from analytics_platform.core.parity_span import (
    Known,
    Terms,
    first_compared_at,
    promised,
)
from analytics_platform.core.parity_sql import instant_ms

_MS = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ALWAYS = 2**60
_NOT_YET = "Nothing can be compared yet:"


@dataclass(frozen=True)
class LiveKnowledge:
    """What the state database, the loaded events and the mart hold of one live window.

    `now` is the platform's time.
    """

    reader: LiveResultReader
    offsets: EventOffsets
    window: LiveWindow
    now: datetime

    def known(self, source: LiveSource | None, cluster: str | None) -> Known:
        """The time of each; `source` is None where no sidecar has run."""
        loaded = self._loaded(cluster) if cluster else None
        mart = self._mart()
        if source is None:
            return Known(loaded, None, mart)
        coverage = {
            one.partition: Seen(
                max([one.from_offset, *(gap.to_offset for gap in one.gaps)]),
                one.next_offset,
            )
            for one in self.reader.coverage(source)
        }
        marks = self.offsets.marks(Place(source.cluster, source.topic))
        emitted = self.reader.emitted_until(source)
        reached = reached_by_all(coverage, marks)
        owed = None
        if reached is not None:
            owed = reached - self.window.order.out_of_orderness // _MS
        if (
            loaded
            and loaded.last_ms >= self._now_ms - self._stream.settles_after // _MS
        ):
            owed = _ALWAYS  # time passes as in life: idle partitions hold nobody back
        return Known(loaded, covered_span(coverage, marks), mart, emitted, owed)

    def nothing(
        self, known: Known, terms: Terms, cluster: str | None, beyond: int
    ) -> tuple[str, bool]:
        """Why nothing was compared, and whether something should have been.

        `beyond` sessions reached beyond the time that was compared.
        """
        if known.loaded is None:
            what = "no event was ever loaded"
            if cluster:
                what = f"no event of cluster {cluster} was loaded"
            return f"{_NOT_YET} {what}.", False
        due = promised(known, terms)
        if due and not beyond and cluster and self._happened(cluster, due):
            return f"Nothing was compared, but should be: {self._said(known)}", True
        if beyond:
            what = f"{beyond} sessions reach beyond the time that both sides know."
            return f"{_NOT_YET} {what} {self._said(known)}", False
        first = first_compared_at(known, terms)
        what = f"windows are compared once events reach {_at(first)}."
        if first is not None and first < known.loaded.last_ms:
            what = "the windows are still held open, as partitions without events do."
        return f"{_NOT_YET} {what} {self._said(known)}", False

    @property
    def _stream(self) -> EventStream:
        return self.offsets.stream

    @property
    def _now_ms(self) -> int:
        return (self.now - _EPOCH) // _MS

    def _loaded(self, cluster: str) -> EventSpan | None:
        """From the first to the last known event, in any of the stream's topics."""
        at = [
            mark.at_ms
            for topic in self._stream.topics
            for mark in self.offsets.marks(Place(cluster, topic.name))
        ]
        return EventSpan(min(at), max(at)) if at else None

    def _mart(self) -> EventSpan | None:
        relation, session = self._stream.relation, self.offsets.session
        if not session.columns(relation):
            return None
        at = instant_ms(self.window.event_time)
        [(first, last)] = session.rows(f"select min({at}), max({at}) from {relation}")
        if first is None or last is None:
            return None
        return EventSpan(int(str(first)), int(str(last)))

    def _happened(self, cluster: str, span: EventSpan) -> bool:
        """Whether events of the window's kind and time were loaded."""
        stream = self._stream
        at = instant_ms(stream.time_field)
        [(found,)] = self.offsets.session.rows(
            f"select count(*) from {RAW}.{stream.name} "
            f"where {CLUSTER} = {literal(cluster)} "
            f"and {quoted(stream.kind_field)} = {literal(self.window.kind)} "
            f"and {at} >= {span.first_ms} and {at} <= {span.last_ms}"
        )
        return int(str(found)) > 0

    def _said(self, known: Known) -> str:
        read, emitted = known.streamed, known.emitted_ms
        return (
            f"Events were loaded {_of(known.loaded)}; the sidecar has "
            f"{'read those ' + _of(read) if read else 'not read all partitions'} and "
            f"{'emitted windows up to ' + _at(emitted) if emitted else 'none emitted'};"
            f" {self._stream.relation} has rows {_of(known.mart)}."
        )


def _of(span: EventSpan | None) -> str:
    return f"from {_at(span.first_ms)} to {_at(span.last_ms)}" if span else "of no time"


def _at(ms: int | None) -> str:
    if ms is None:
        return "no time"
    return f"{_EPOCH + ms * _MS:%Y-%m-%d %H:%M}"
