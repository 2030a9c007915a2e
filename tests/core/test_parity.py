"""Live windows beside a mart's, worked out by hand."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from analytics_platform.core.column_blobs import Column
from analytics_platform.core.event_span import EventSpan
from analytics_platform.core.expressions import parse
from analytics_platform.core.live_accuracy import DISTINCT_ERROR, QUANTILE_ERROR
from analytics_platform.core.live_metrics import (
    Figure,
    Formula,
    LiveMetric,
    Ratio,
    Reading,
    Slot,
)
from analytics_platform.core.live_results import LateCounts, LiveResults
from analytics_platform.core.parity import (
    Difference,
    Live,
    Mart,
    MartWindow,
    Number,
    compare,
)
from analytics_platform.core.window_spans import Span

SPAN = EventSpan(0, 100)
VALUE = Slot(parse("value"))


def metric(figure: Figure = Figure.SUM) -> LiveMetric:
    return LiveMetric("figure", Reading(VALUE, figure, 0.5), "marts.things", None)


def live(
    rows: Mapping[Span, tuple[int, Number]],
    late: Mapping[Span, int] | None = None,
    *,
    merges: bool = False,
) -> Live:
    """Windows with count and figure, and late events by window."""
    figures = [figure for _, figure in rows.values()]
    whole = all(isinstance(one, int) for one in figures)
    filled, valid = [one or 0 for one in figures], [one is not None for one in figures]
    integers, floats = np.array(filled, np.int64), np.array(filled, np.float64)
    values = Column(integers if whole else floats, np.array(valid, np.bool_))
    counts = Column(np.array([events for events, _ in rows.values()], np.int64))
    number = len(rows)
    results = LiveResults(
        keys=[one.key for one in rows],
        kinds=np.zeros(number, np.int64),
        start_ms=np.array([one.start_ms for one in rows], np.int64),
        end_ms=np.array([one.end_ms for one in rows], np.int64),
        revisions=np.zeros(number, np.int64),
        values={"count": counts, "figure": values},
    )
    missed = late or {}
    counted = LateCounts(
        keys=[one.key for one in missed],
        start_ms=np.array([one.start_ms for one in missed], np.int64),
        end_ms=np.array([one.end_ms for one in missed], np.int64),
        events=np.array(list(missed.values()), np.int64),
    )
    return Live(results, counted, merges=merges)


def mart(
    rows: Mapping[Span, tuple[int, Number]],
    figure: Figure = Figure.SUM,
    repeats: Mapping[str, Sequence[int]] | None = None,
) -> Mart:
    windows = {
        name: MartWindow(n, (value,), {0: abs(value or 0)})
        for name, (n, value) in rows.items()
    }
    return Mart(windows, [Reading(VALUE, figure, 0.5)], repeats or {})


A, B = Span("a", 0, 10), Span("a", 10, 20)


def test_equal_windows_pass_and_are_counted() -> None:
    rows: dict[Span, tuple[int, Number]] = {A: (2, 7), B: (1, None)}
    found = compare([metric()], live(rows), mart(rows), SPAN)
    assert (found.compared, found.differing, found.passed) == (2, 0, True)


def test_an_empty_comparison_does_not_pass() -> None:
    assert not compare([metric()], live({}), mart({}), SPAN).passed
    outside: dict[Span, tuple[int, Number]] = {Span("a", 95, 105): (1, 1)}
    assert not compare([metric()], live(outside), mart(outside), SPAN).passed


def test_a_window_that_one_side_lacks_differs() -> None:
    found = compare([metric()], live({A: (2, 7)}), mart({B: (1, 3)}), SPAN)
    assert found.first == (
        Difference("a", 0, 10, "count", 2, 0),
        Difference("a", 10, 20, "count", 0, 1),
    )


def test_late_events_are_added_to_the_count_and_values_not_compared() -> None:
    late = live({A: (2, 7)}, {A: 1, B: 1})
    found = compare([metric()], late, mart({A: (3, 9), B: (1, 5)}), SPAN)
    assert (found.compared, found.with_late, found.differing) == (2, 2, 0)
    lost = compare([metric()], late, mart({A: (4, 9), B: (1, 5)}), SPAN)
    assert lost.first == (Difference("a", 0, 10, "count", 3, 4),)


@pytest.mark.parametrize(("events", "differs"), [(1, 1), (2, 0), (4, 0), (5, 1)])
def test_a_window_with_repeated_events_has_as_many_as_were_sent_at_most(
    events: int, differs: int
) -> None:
    # mart: 2 events; 2 messages at 3 and 9 had been sent before, one at 10 is of B
    other = mart({A: (2, 7)}, repeats={"a": [3, 9, 10]})
    found = compare([metric()], live({A: (events, 1)}), other, SPAN)
    assert (found.differing, found.with_repeats) == (differs, 1)


@pytest.mark.parametrize(
    ("figure", "shown", "expected", "same"),
    [
        (Figure.SUM, 2**60 + 1, 2**60 + 1, True),
        (Figure.SUM, 2**60 + 1, 2**60, False),
        (Figure.SUM, 1e6 * (1 + 1e-10), 1e6, True),
        (Figure.SUM, 1e6 * (1 + 1e-8), 1e6, False),
        (Figure.MEAN, 0.5, 0.5, True),
        (Figure.MAX, 0.1 + 0.2, 0.3, False),
        (Figure.MIN, -3.0, -3, True),
        (Figure.MIN, 0.1 + 0.2, 0.3, False),
        (Figure.QUANTILE, 100 * (1 + QUANTILE_ERROR), 100, True),
        (Figure.QUANTILE, 100 * (1 + 1.1 * QUANTILE_ERROR), 100, False),
        (Figure.QUANTILE, -99.5, -100, True),
        (Figure.DISTINCT, 127, 128, False),
        (Figure.DISTINCT, 10_000 * (1 + 0.9 * DISTINCT_ERROR), 10_000, True),
        (Figure.DISTINCT, 10_000 * (1 + 1.1 * DISTINCT_ERROR), 10_000, False),
        (Figure.MAX, 0, None, False),
    ],
)
def test_figures_agree_within_their_bounds(
    figure: Figure, shown: Number, expected: Number, *, same: bool
) -> None:
    found = compare(
        [metric(figure)], live({A: (2, shown)}), mart({A: (2, expected)}, figure), SPAN
    )
    assert found.passed is same


@pytest.mark.parametrize(("shown", "passes"), [(0.474, False), (0.476, True)])
def test_a_quantile_is_off_by_a_share_of_the_values_around_it(
    shown: float, *, passes: bool
) -> None:
    # -2 and 3, interpolated: 0.5; each within 1 %: 0.02 * 0.5 + 0.03 * 0.5 = 0.025
    reading = Reading(VALUE, Figure.QUANTILE, 0.5)
    between = Mart({A: MartWindow(2, (0.5,), {0: 2.5})}, [reading])
    assert QUANTILE_ERROR == 0.01
    found = compare([metric(Figure.QUANTILE)], live({A: (2, shown)}), between, SPAN)
    assert found.passed is passes
    near = compare([metric(Figure.QUANTILE)], live({A: (2, 0.5249)}), between, SPAN)
    assert near.passed


def test_a_session_that_a_late_event_would_have_joined_is_one_in_the_mart() -> None:
    # live   |0 ---- 10|        |14 -- 24|     late  |8 -- 18|
    # mart   |0 ----------------------- 24|
    left, right, late = Span("a", 0, 10), Span("a", 14, 24), Span("a", 8, 18)
    joined = Span("a", 0, 24)
    both = live({left: (2, 1), right: (3, 1)}, {late: 1}, merges=True)
    found = compare([metric()], both, mart({joined: (6, 1)}), SPAN)
    assert (found.compared, found.passed) == (1, True)


def test_sessions_that_reach_beyond_the_span_are_not_compared() -> None:
    # The mart's session began before the events that were streamed.
    span = EventSpan(10, 100)
    inside: dict[Span, tuple[int, Number]] = {Span("a", 40, 60): (1, 2)}
    streamed = live({Span("a", 12, 30): (2, 5), **inside}, merges=True)
    long_ago: dict[Span, tuple[int, Number]] = {Span("a", 0, 3): (1, 2)}
    before = {**long_ago, Span("a", 5, 30): (3, 9)}
    found = compare([metric()], streamed, mart({**before, **inside}), span)
    assert (found.compared, found.beyond, found.passed) == (1, 2, True)


def test_formulas_over_estimates_are_named_and_not_compared() -> None:
    median, count = Reading(VALUE, Figure.QUANTILE, 0.5), Reading(VALUE, Figure.COUNT)
    formula: Formula = Ratio(median, count)
    ratio = LiveMetric("figure", formula, "marts.things", None)
    other = Mart({A: MartWindow(2, (4, 2))}, [median, count])
    found = compare([ratio], live({A: (2, 99.0)}), other, SPAN)
    assert (found.unstated, found.passed) == (("figure",), True)


def test_ten_differences_are_shown() -> None:
    rows: dict[Span, tuple[int, Number]] = {
        Span("a", n, n + 1): (1, 1) for n in range(30)
    }
    found = compare([metric()], live(rows), mart({}), SPAN)
    assert (found.compared, found.differing, len(found.first)) == (30, 30, 10)
