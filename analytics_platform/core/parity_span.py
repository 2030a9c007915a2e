"""Which time of a live window can be compared with the mart, and which should be."""

from dataclasses import dataclass
from datetime import timedelta

from analytics_platform.contracts.streams import EventStream, LiveWindow
from analytics_platform.core.event_span import EventSpan

_MS = timedelta(milliseconds=1)
_DAY_MS = 25 * 3_600_000  # of a calendar day, when clocks are put back


@dataclass(frozen=True)
class Known:
    """What there is of a window's events, each from its first to its last instant.

    `loaded` is of the stream's topics; `streamed` of what the live window has read
    without a gap; `mart` of the relation. Windows that end until `emitted_ms` have been
    emitted, those until `owed_ms` must have been, whatever was.
    """

    loaded: EventSpan | None = None
    streamed: EventSpan | None = None
    mart: EventSpan | None = None
    emitted_ms: int | None = None
    owed_ms: int | None = None

    @property
    def closed_ms(self) -> int | None:
        """Windows that end until here can be compared; None if none was closed."""
        return max(
            (one for one in (self.emitted_ms, self.owed_ms) if one is not None),
            default=None,
        )

    @property
    def first_ms(self) -> int | None:
        """The first instant of which stream and mart know something."""
        begun = self.streamed or self.loaded
        if begun is None:
            return None
        return max(begun.first_ms, self.mart.first_ms if self.mart else begun.first_ms)


@dataclass(frozen=True)
class Terms:
    """What a stream and a live window promise, in milliseconds.

    `settles`: as late come rows, and messages. `closes`: so long after its end a window
    has been emitted at the latest. `reach`: as far from an event its window's ends are
    at most; unknown, and 0, of sessions.
    """

    settles: int
    closes: int
    reach: int

    @classmethod
    def of(cls, stream: EventStream, window: LiveWindow) -> "Terms":
        """Those that are declared."""
        order, spec = window.order, window.window
        closes = order.out_of_orderness + (order.idle_timeout or timedelta(0))
        reach = (spec.size or timedelta(0)) // _MS
        if spec.type == "calendar_day":
            reach = _DAY_MS
        return cls(stream.settles_after // _MS, closes // _MS, reach)

    @property
    def late(self) -> int:
        """What is left out at the end."""
        return max(self.settles, self.closes)


def comparable(known: Known, terms: Terms) -> EventSpan | None:
    """The time of which both sides know everything; None if there is none."""
    first, closed = known.first_ms, known.closed_ms
    if first is None or closed is None or not (known.streamed and known.mart):
        return None
    last = min(known.streamed.last_ms, known.mart.last_ms) - terms.late
    return _span(first + terms.settles, min(last, closed))


def promised(known: Known, terms: Terms) -> EventSpan | None:
    """Events in this time are in windows that should be compared; None if none are.

    Rows come as late as messages, and both are waited for; a window lies as far around
    an event as it reaches. Where the live window has read, no window is expected that
    it may hold back still.
    """
    if known.loaded is None or known.first_ms is None:
        return None
    last = known.loaded.last_ms - terms.settles - terms.late
    if known.streamed:
        if known.owed_ms is None:
            return None
        last = min(last, known.owed_ms)
    return _span(known.first_ms + terms.settles + terms.reach, last - terms.reach)


def first_compared_at(known: Known, terms: Terms) -> int | None:
    """How far events reach when the first windows are compared; None without any."""
    if known.first_ms is None:
        return None
    return known.first_ms + 2 * terms.settles + terms.late + 2 * terms.reach


def _span(first: int, last: int) -> EventSpan | None:
    return EventSpan(first, last) if first < last else None
