"""Judges live windows by the marts: what the sidecar committed against SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from analytics_platform.adapters.event_offsets import EventOffsets
from analytics_platform.adapters.live_knowledge import LiveKnowledge
from analytics_platform.adapters.live_results import LiveResultReader, LiveSource
from analytics_platform.adapters.live_results import Span as Starts
from analytics_platform.adapters.promotion import RAW
from analytics_platform.adapters.warehouse import Session, Value, Warehouse
from analytics_platform.contracts.domain import Severity
from analytics_platform.contracts.streams import EventStream, LiveWindow
from analytics_platform.core.event_rows import CLUSTER
from analytics_platform.core.event_span import EventSpan
from analytics_platform.core.exact_casts import literal, quoted
from analytics_platform.core.live_metrics import Figure, LiveMetric
from analytics_platform.core.parity import Live, Mart, MartWindow, Number, Parity
from analytics_platform.core.parity import compare as compare_windows
from analytics_platform.core.parity_span import Terms, comparable
from analytics_platform.core.parity_sql import Rows, instant_ms, windows_sql
from analytics_platform.core.semantic_manifest import Manifest, live_metric
from analytics_platform.core.window_spans import Span, calendar_days
from analytics_platform.errors import NotFound

_EMPTY = Parity(compared=0, with_late=0, with_repeats=0, differing=0, first=())


@dataclass(frozen=True)
class Judgement:
    """What parity says of a live window, and why it compared nothing if it did not.

    `expected`: windows should have been compared.
    """

    window: str
    parity: Parity
    span: EventSpan | None = None
    note: str = ""
    expected: bool = True

    @property
    def passed(self) -> bool:
        """Whether windows were compared, and all of them are equal."""
        return self.parity.passed

    @property
    def severity(self) -> Severity:
        """Nothing compared is a warning as long as nothing can be."""
        return Severity.ERROR if self.expected else Severity.WARN

    @property
    def detail(self) -> str:
        """What was found."""
        found = self.parity
        if self.note:
            return self.note
        return (
            f"{found.compared} windows compared, {found.differing} differ. Only how "
            f"many events there are was compared of {found.with_late} with late and "
            f"{found.with_repeats} with repeated events."
        )


@dataclass(frozen=True)
class Subject:
    """What is judged: live windows of a stream, by the metrics of a manifest."""

    stream: EventStream
    windows: Sequence[LiveWindow]
    manifest: Manifest


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
    disorder and its idle time-out, and what was not emitted yet.
    """

    session: Session
    dialect: str
    reader: LiveResultReader
    subject: Subject
    now: datetime

    def judge(self, window: LiveWindow) -> Judgement:
        """Compare one live window with the relation that its stream is about.

        Raises:
            NotFound: the semantic manifest lacks a metric.
        """
        source = self._source(window)
        offsets = EventOffsets(self.stream, self.session, self.dialect)
        cluster = source.cluster if source else offsets.cluster()
        terms = Terms.of(self.stream, window)
        sides = LiveKnowledge(self.reader, offsets, window, self.now)
        known = sides.known(source, cluster)
        span, found = comparable(known, terms), _EMPTY
        if source and span:
            found = self._compared(window, source, span)
        if found.compared:
            return Judgement(window.name, found, span)
        note, expected = sides.nothing(known, terms, cluster, found.beyond)
        return Judgement(window.name, found, span, note, expected)

    @property
    def stream(self) -> EventStream:
        """The stream of the windows."""
        return self.subject.stream

    def _source(self, window: LiveWindow) -> LiveSource | None:
        topic = self.stream.topic_by(window.key)
        try:
            return self.reader.source(window.name, topic=topic.name if topic else "")
        except NotFound:
            return None

    def _compared(
        self, window: LiveWindow, source: LiveSource, span: EventSpan
    ) -> Parity:
        metrics = [live_metric(self.subject.manifest, name) for name in window.metrics]
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
        # A session that reaches beyond the span has an event no farther from it.
        gap = (window.window.gap or timedelta(0)) // timedelta(milliseconds=1)
        within = EventSpan(span.first_ms - gap, span.last_ms + gap)
        rows = Rows(self.stream.relation, window.key, window.event_time, days, within)
        found = self.session.rows(windows_sql(window, rows, readings, self.dialect))
        sized = [n for n, o in enumerate(readings) if o.figure is Figure.QUANTILE]
        windows = {
            Span(str(key), _whole(start), _whole(end)): MartWindow(
                _whole(events),
                tuple(map(_number, figures[: len(readings)])),
                dict(zip(sized, map(_number, figures[len(readings) :]), strict=True)),
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
    warehouse: Warehouse, state_url: str, subject: Subject, *, now: datetime
) -> list[Judgement]:
    """Judge live windows of one stream, in their order, at the platform's time."""
    reader = LiveResultReader.open(state_url)
    try:
        with warehouse.session() as session:
            audit = ParityAudit(session, warehouse.dialect, reader, subject, now)
            return [audit.judge(window) for window in subject.windows]
    finally:
        reader.close()


def _whole(value: Value) -> int:
    return int(str(value))


def _number(value: Value) -> Number:
    """Whole numbers as int; engines give sums as decimals."""
    if value is None or isinstance(value, int | float):
        return value
    text = str(value)
    return int(text) if text.lstrip("-").isdigit() else float(text)
