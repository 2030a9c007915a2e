"""What windows should give, written from their definition with lists and loops.

Reads the JSON of a scenario and shares nothing with the engine.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Line = dict[str, Any]
Span = tuple[int, int]

LONG_AGO = -(10**15)
FOREVER = 10**15


@dataclass
class Partition:
    greatest: int = LONG_AGO
    idle: bool = False
    returned: int = LONG_AGO
    heard: int | None = None


@dataclass
class Session:
    start: int
    end: int
    values: list[Any]
    emitted: bool = False
    revision: int = 0


@dataclass
class Oracle:
    window: dict[str, Any]
    stream: dict[str, Any]
    partitions: dict[int, Partition]
    watermark: int = LONG_AGO
    now: int | None = None
    order: list[Any] = field(default_factory=list)
    contents: dict[tuple[Span, Any], list[Any]] = field(default_factory=dict)
    revisions: dict[tuple[Span, Any], int] = field(default_factory=dict)
    sessions: dict[Any, list[Session]] = field(default_factory=dict)
    seen: dict[Any, tuple[int, Any]] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    missed: int = 0

    @property
    def lateness(self) -> int:
        return self.window.get("allowed_lateness_ms") or 0

    @property
    def disorder(self) -> int:
        return self.stream.get("out_of_orderness_ms") or 0

    def spans(self, ts: int) -> list[Span]:
        """The windows of an instant, earliest first."""
        kind = self.window["type"]
        if kind == "session":
            return [(ts, ts + self.window["gap_ms"])]
        if kind == "calendar_day":
            return [local_day(ts, self.window.get("timezone") or "UTC")]
        size = self.window["size_ms"]
        slide = self.window.get("slide_ms") or size
        offset = self.window.get("offset_ms") or 0
        found: list[Span] = []
        start = ts - (ts - offset) % slide
        while start + size > ts:
            found.insert(0, (start, start + size))
            start -= slide
        return found

    def pass_time(self, now: int | None, speaker: int | None) -> None:
        if now is None:
            return
        self.now = max(now, self.now) if self.now is not None else now
        timeout = self.stream.get("idle_timeout_ms")
        if timeout is None:
            return
        for number, partition in self.partitions.items():
            if partition.heard is None:
                partition.heard = self.now
            silent = self.now - partition.heard >= timeout
            if silent and number != speaker:
                partition.idle = True
        self.move_watermark()

    def move_watermark(self) -> None:
        busy = [p.greatest for p in self.partitions.values() if not p.idle]
        at = min(busy) if busy else max(p.greatest for p in self.partitions.values())
        if at > LONG_AGO:
            self.watermark = max(self.watermark, at - self.disorder)
        self.emit_due()

    def event(self, item: dict[str, Any]) -> None:
        number = item.get("partition") or 0
        self.pass_time(item.get("proc_ms"), number)
        key, ts = item.get("key"), item["ts_ms"]
        if key not in self.order:
            self.order.append(key)
        drift = self.stream.get("max_future_drift_ms")
        if drift is not None and self.now is not None and ts > self.now + drift:
            self.dead(item, "too_far_in_future")
            return
        partition = self.partitions[number]
        returned = self.watermark if partition.idle else partition.returned
        closed = max(returned, partition.greatest - self.disorder)
        if self.stream.get("dedup_by_id") and item.get("id") is not None:
            if self.remembers((item["id"], key), closed - self.lateness):
                self.dead(item, "duplicate")
                return
            self.seen[item["id"], key] = (ts, key)
        if partition.idle:
            partition.idle = False
            partition.returned = self.watermark
        partition.heard = self.now
        if self.window["type"] == "session":
            self.into_sessions(item, closed - self.lateness)
        else:
            self.into_windows(item, closed - self.lateness)
        partition.greatest = max(partition.greatest, ts)
        self.move_watermark()

    def remembers(self, name: Any, closed: int) -> bool:
        if name not in self.seen:
            return False
        ts, key = self.seen[name]
        if self.spans(ts)[-1][1] > closed:
            return True
        return any(
            session.start <= ts < session.end and session.end > closed
            for session in self.sessions.get(key, [])
        )

    def into_windows(self, item: dict[str, Any], closed: int) -> None:
        spans = self.spans(item["ts_ms"])
        taken = [span for span in spans if span[1] > closed]
        self.missed += len(spans) - len(taken)
        if not taken:
            self.late(item)
        for span in taken:
            name = (span, item.get("key"))
            self.contents.setdefault(name, []).append(item.get("value"))
            if span[1] <= self.watermark:
                self.emit(span, item.get("key"))

    def emit(self, span: Span, key: Any) -> None:
        values = self.contents[span, key]
        revision = self.revisions.get((span, key), -1) + 1
        self.revisions[span, key] = revision
        self.lines.append(window_line(key, span, values, revision))

    def emit_due(self) -> None:
        if self.window["type"] == "session":
            self.emit_sessions()
            return
        due = [
            (span[1], self.order.index(key), span, key)
            for span, key in self.contents
            if span[1] <= self.watermark and (span, key) not in self.revisions
        ]
        for _, _, span, key in sorted(due, key=lambda one: one[:2]):
            self.emit(span, key)

    def into_sessions(self, item: dict[str, Any], closed: int) -> None:
        key, ts = item.get("key"), item["ts_ms"]
        mine = (ts, ts + self.window["gap_ms"])
        held = self.sessions.setdefault(key, [])
        touched = [
            session
            for session in held
            if session.end > closed
            and session.start <= mine[1]
            and session.end >= mine[0]
        ]
        start = min([mine[0], *(session.start for session in touched)])
        end = max([mine[1], *(session.end for session in touched)])
        if end <= closed:
            self.missed += 1
            self.late(item)
            return
        merged = Session(start, end, [])
        for session in sorted(touched, key=lambda one: one.start):
            held.remove(session)
            merged.values += session.values
            if session.emitted and (session.start, session.end) == (start, end):
                merged.revision = session.revision + 1
            elif session.emitted:
                self.lines.append(
                    {
                        "kind": "retract",
                        "key": key,
                        "start_ms": session.start,
                        "end_ms": session.end,
                    }
                )
        merged.values.append(item.get("value"))
        held.append(merged)
        if end <= self.watermark:
            self.emit_session(key, merged)

    def emit_session(self, key: Any, session: Session) -> None:
        session.emitted = True
        span = (session.start, session.end)
        self.lines.append(window_line(key, span, session.values, session.revision))

    def emit_sessions(self) -> None:
        due = [
            (session.end, self.order.index(key), key, session)
            for key, held in self.sessions.items()
            for session in held
            if session.end <= self.watermark and not session.emitted
        ]
        for _, _, key, session in sorted(due, key=lambda one: one[:2]):
            self.emit_session(key, session)

    def late(self, item: dict[str, Any]) -> None:
        self.lines.append({"kind": "late", **said(item), "reason": "window_closed"})

    def dead(self, item: dict[str, Any], reason: str) -> None:
        place = {"partition": item.get("partition") or 0}
        place |= {name: item.get(name) for name in ("offset", "id")}
        self.lines.append(
            {"kind": "dead_letter", **said(item), **place, "reason": reason}
        )


def expected_lines(scenario: dict[str, Any]) -> list[Line]:
    """Every line that `analytics simulate` should print for a scenario."""
    stream = scenario.get("stream") or {}
    used = {item.get("partition") or 0 for item in events_of(scenario)} or {0}
    oracle = Oracle(
        scenario["window"],
        stream,
        {p: Partition() for p in stream.get("partitions") or sorted(used)},
    )
    for item in scenario.get("events", []):
        if item.get("tick"):
            oracle.pass_time(item["proc_ms"], None)
        else:
            oracle.event(item)
    if scenario.get("flush_at_end"):
        oracle.watermark = FOREVER
        oracle.emit_due()
    return [*oracle.lines, summary(scenario, oracle)]


def summary(scenario: dict[str, Any], oracle: Oracle) -> Line:
    kinds = [line["kind"] for line in oracle.lines]
    return {
        "kind": "summary",
        "events": len(list(events_of(scenario))),
        "windows": kinds.count("window"),
        "late_dropped": kinds.count("late"),
        "late_window_updates_dropped": oracle.missed,
        "dead_letters": kinds.count("dead_letter"),
    }


def final_windows(lines: list[Line]) -> dict[tuple[Any, int, int], Line]:
    """What a reader holds in the end: the last revision of what was not retracted."""
    held: dict[tuple[Any, int, int], Line] = {}
    for line in lines:
        if line["kind"] in ("window", "retract"):
            name = (line["key"], line["start_ms"], line["end_ms"])
            held.pop(name, None)
            if line["kind"] == "window":
                held[name] = {**line, "revision": None}
    return held


def events_of(scenario: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (item for item in scenario.get("events", []) if not item.get("tick"))


def window_line(key: Any, span: Span, values: list[Any], revision: int) -> Line:
    return {
        "kind": "window",
        "key": key,
        "start_ms": span[0],
        "end_ms": span[1],
        "count": len(values),
        "sum": sum(value for value in values if value is not None),
        "revision": revision,
    }


def said(item: dict[str, Any]) -> Line:
    return {name: item.get(name) for name in ("key", "ts_ms", "value")}


def local_day(ts_ms: int, timezone: str) -> Span:
    """The day of an instant, found by walking through the quarters of an hour.

    A new day begins when a later date than any before is first seen; today's zones
    change at whole quarters.
    """
    zone, quarter = ZoneInfo(timezone), 900_000

    def date_at(instant: int) -> Any:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=instant)
        return moment.astimezone(zone).date()

    instant = (ts_ms // quarter - 240) * quarter
    latest = date_at(instant)
    start = instant
    while True:
        instant += quarter
        if date_at(instant) > latest:
            if instant > ts_ms:
                return start, instant
            latest, start = date_at(instant), instant
