"""Judges live windows by the marts: what the sidecar committed against SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from analytics_platform.adapters.event_offsets import EventOffsets, Place
from analytics_platform.adapters.live_results import LiveResultReader, LiveSource
from analytics_platform.adapters.live_results import Span as Starts
from analytics_platform.adapters.promotion import RAW
from analytics_platform.adapters.warehouse import Session, Value, Warehouse
from analytics_platform.contracts.streams import EventStream, LiveWindow
from analytics_platform.core.event_rows import CLUSTER
from analytics_platform.core.event_span import EventSpan, Seen, covered_span
from analytics_platform.core.exact_casts import literal, quoted
from analytics_platform.core.live_metrics import LiveMetric
from analytics_platform.core.parity import Live, Mart, MartWindow, Number, Parity
from analytics_platform.core.parity import compare as compare_windows
from analytics_platform.core.parity_sql import Rows, instant_ms, windows_sql
from analytics_platform.core.semantic_manifest import Manifest, live_metric
from analytics_platform.core.window_spans import Span, calendar_days
from analytics_platform.errors import NotFound

_MS = timedelta(milliseconds=1)
_EMPTY = Parity(compared=0, with_late=0, with_repeats=0, differing=0, first=())


@dataclass(frozen=True)
class Judgement:
    """What parity says of a live window, and why it compared nothing if it did not.

    `expected`: events were loaded, so that windows should have been compared.
    """

    window: str
    parity: Parity
    span: EventSpan | None = None
    note: str = ""
    expected: bool = True

    @property
    def passed(self) -> bool:
        """Green: all that was compared is equal; or nothing ever streamed."""
        return self.parity.passed or not self.expected

    @property
    def detail(self) -> str:
        """One sentence of the outcome."""
        found = self.parity
        if self.note:
            return self.note
        return (
            f"{found.compared} windows compared, {found.differing} differ. Only how "
            f"many events there are was compared of {found.with_late} with late and "
            f"{found.with_repeats} with repeated events."
        )


@dataclass(frozen=True)
class ParityAudit:
    """Compares the windows of a stream, on one connection to the warehouse.

    Compared are the windows that lie wholly within the time of which both sides know
    everything. The stream's side: from the first to the last event in the offsets that
    the live window has read without a gap, in the cluster it read last, less
    `settles_after` at either end: messages come late, so that older events may have
    been sent before the first, and newer ones may still come after the last. The
    mart's side: from its first to its last event, less the same at either end, since
    rows arrive as late. At the end no less is left out than the window's own bound for
    disorder and its idle time-out, after which it has been emitted.
    """

    session: Session
    dialect: str
    reader: LiveResultReader
    stream: EventStream
    manifest: Manifest

    def judge(self, window: LiveWindow) -> Judgement:
        """Compare one live window with the relation that its stream is about.

        Raises:
            NotFound: the semantic manifest lacks a metric.
        """
        offsets = EventOffsets(self.stream, self.session, self.dialect)
        if not offsets.has_events():
            note = "No event was ever loaded: there is nothing to compare."
            return Judgement(window.name, _EMPTY, note=note, expected=False)
        topic = self.stream.topic_by(window.key)
        try:
            source = self.reader.source(window.name, topic=topic.name if topic else "")
        except NotFound:
            note = "Events were loaded, but no sidecar has computed this window."
            return Judgement(window.name, _EMPTY, note=note)
        span = self._span(window, source, offsets)
        if span is None or span.last_ms <= span.first_ms:
            note = (
                "No events lie far enough in the past, in stream and mart, to compare."
            )
            return Judgement(window.name, _EMPTY, span, note)
        found = self._compared(window, source, span)
        note = "" if found.compared else f"No window lies within {_said(span)}."
        return Judgement(window.name, found, span, note)

    def _compared(
        self, window: LiveWindow, source: LiveSource, span: EventSpan
    ) -> Parity:
        metrics = [live_metric(self.manifest, name) for name in window.metrics]
        starts = Starts(span.first_ms, span.last_ms)
        merges = window.window.type == "session"
        if merges:  # those that reach into the span tell which cannot be compared
            starts = Starts(-(2**60), 2**60)
        live = Live(
            self.reader.results(source, starts),
            self.reader.late(source, starts),
            merges=merges,
        )
        mart = self._mart(window, source, metrics, span)
        return compare_windows(metrics, live, mart, span)

    def _span(
        self, window: LiveWindow, source: LiveSource, offsets: EventOffsets
    ) -> EventSpan | None:
        seen = {
            one.partition: Seen(
                max([one.from_offset, *(gap.to_offset for gap in one.gaps)]),
                one.next_offset,
            )
            for one in self.reader.coverage(source)
        }
        marks = offsets.marks(Place(source.cluster, source.topic))
        streamed, kept = covered_span(seen, marks), self._mart_span(window)
        if streamed is None or kept is None:
            return None
        early = self.stream.settles_after // _MS
        order = window.order
        closed = order.out_of_orderness + (order.idle_timeout or timedelta(0))
        late = max(early, closed // _MS)
        return EventSpan(
            max(streamed.first_ms, kept.first_ms) + early,
            min(streamed.last_ms, kept.last_ms) - late,
        )

    def _mart_span(self, window: LiveWindow) -> EventSpan | None:
        relation = self.stream.relation
        if not self.session.columns(relation):
            return None
        at = instant_ms(window.event_time)
        first, last = self.session.rows(f"select min({at}), max({at}) from {relation}")[
            0
        ]
        if first is None or last is None:
            return None
        return EventSpan(_whole(first), _whole(last))

    def _mart(
        self,
        window: LiveWindow,
        source: LiveSource,
        metrics: Sequence[LiveMetric],
        span: EventSpan,
    ) -> Mart:
        readings = list(dict.fromkeys(one for each in metrics for one in each.readings))
        days: list[tuple[int, int]] = []
        if window.window.type == "calendar_day":
            days = list(calendar_days(window.window.timezone or "UTC", span))
        rows = Rows(self.stream.relation, window.key, window.event_time, days)
        found = self.session.rows(windows_sql(window, rows, readings, self.dialect))
        windows = {
            Span(str(key), _whole(start), _whole(end)): MartWindow(
                _whole(events), tuple(map(_number, figures))
            )
            for key, start, end, events, *figures in found
        }
        return Mart(windows, readings, self._repeats(window, source))

    def _repeats(
        self, window: LiveWindow, source: LiveSource
    ) -> Mapping[str, Sequence[int]]:
        """When the events happened of messages that were sent before, by key."""
        stream = self.stream
        key, at = quoted(window.key), instant_ms(stream.time_field)
        found = self.session.rows(
            f"select cast({key} as varchar), {at}, count(*) - 1 "
            f"from {RAW}.{stream.name} where {CLUSTER} = {literal(source.cluster)} "
            f"and {quoted(stream.kind_field)} = {literal(window.kind)} "
            f"group by {quoted(stream.id_field)}, {key}, {quoted(stream.time_field)} "
            "having count(*) > 1"
        )
        repeats: dict[str, list[int]] = {}
        for name, instant, more in found:
            repeats.setdefault(str(name), []).extend([_whole(instant)] * _whole(more))
        return {name: sorted(instants) for name, instants in repeats.items()}


def audit_parity(
    warehouse: Warehouse,
    state_url: str,
    stream: EventStream,
    windows: Sequence[LiveWindow],
    manifest: Manifest,
) -> list[Judgement]:
    """Judge live windows of one stream, in their order."""
    reader = LiveResultReader.open(state_url)
    try:
        with warehouse.session() as session:
            audit = ParityAudit(session, warehouse.dialect, reader, stream, manifest)
            return [audit.judge(window) for window in windows]
    finally:
        reader.close()


def _said(span: EventSpan) -> str:
    first, last = (datetime.fromtimestamp(ms / 1000, UTC) for ms in span)
    return f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}"


def _whole(value: Value) -> int:
    return int(str(value))


def _number(value: Value) -> Number:
    """Whole numbers as int; engines give sums as decimals."""
    if value is None or isinstance(value, int | float):
        return value
    text = str(value)
    return int(text) if text.lstrip("-").isdigit() else float(text)
