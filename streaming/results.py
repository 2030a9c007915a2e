"""From an engine's emissions to metrics by name, as they are stored and sent."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from analytics_platform.contracts.messages import Retraction, WindowResult
from analytics_platform.core.column_blobs import Column
from analytics_platform.core.expression_arrays import Values
from analytics_platform.core.live_formulas import compute
from analytics_platform.core.live_metrics import Figure, Reading
from analytics_platform.core.live_results import LiveResults, RowKind
from streaming.definitions import BoundSlot, CompiledWindow
from streaming.windows.emissions import Aggregates, Emissions
from streaming.windows.layout import HIGH, LOW, PERCENTILES, RETRACTION

COUNT = "count"  # of events; no metric has this name

Numbers = NDArray[np.float64]
Integers = NDArray[np.int64]
_FITS = 2.0**62


class MetricReader:
    """Computes the metrics of one live window from lines of its engine."""

    def __init__(self, window: CompiledWindow) -> None:
        self.window = window

    def results(self, lines: Emissions, keys: Sequence[str]) -> LiveResults:
        """Windows and retractions (n), each with its key and metrics, by name."""
        is_retraction = lines.kinds == RETRACTION
        kinds = np.where(is_retraction, int(RowKind.RETRACTION), int(RowKind.WINDOW))
        values = {COUNT: Column(lines.counts.copy(), ~is_retraction)}
        for metric in self.window.metrics:
            found = compute(
                metric.formula, lambda one: self._read(one, lines), len(lines)
            )
            values[metric.name] = _column(found, ~is_retraction)
        return LiveResults(
            keys=keys,
            kinds=kinds.astype(np.int64),
            start_ms=lines.starts.copy(),
            end_ms=lines.ends.copy(),
            revisions=lines.revisions.copy(),
            values=values,
        )

    def _read(self, reading: Reading, lines: Emissions) -> Values:
        place = self.window.place(reading)
        if place is None:
            return Values(lines.counts.copy(), np.ones(len(lines), np.bool_))
        return _figure(reading, self.window.slots[place], lines, str(place))


def messages(window: str, results: LiveResults) -> Iterator[WindowResult | Retraction]:
    """The results one by one, in their order."""
    columns = [plain(column) for column in results.values.values()]
    names = list(results.values)
    rows = zip(
        results.keys,
        results.kinds.tolist(),
        results.start_ms.tolist(),
        results.end_ms.tolist(),
        results.revisions.tolist(),
        zip(*columns, strict=True) if columns else [()] * len(results),
        strict=True,
    )
    for key, kind, start, end, revision, values in rows:
        if kind == RowKind.RETRACTION:
            yield Retraction.model_construct(
                window=window, key=key, start_ms=start, end_ms=end
            )
            continue
        metrics = dict(zip(names, values, strict=True))
        yield WindowResult.model_construct(
            window=window,
            key=key,
            start_ms=start,
            end_ms=end,
            count=metrics.pop(COUNT),
            metrics=metrics,
            revision=revision,
        )


def _column(values: Values, counts: NDArray[np.bool_]) -> Column:
    valid = values.valid & counts
    if values.data.dtype == np.int64:
        return Column(values.data.astype(np.int64, copy=False), valid)
    return Column(values.data.astype(np.float64), valid)


def plain(column: Column) -> list[int | float | None]:
    """The values of a column (n) as Python has them; None where there is none."""
    values: list[int | float | None] = column.values.tolist()
    if column.valid is None:
        return values
    pairs = zip(values, column.valid.tolist(), strict=True)
    return [value if valid else None for value, valid in pairs]


def _figure(reading: Reading, slot: BoundSlot, lines: Emissions, name: str) -> Values:
    if reading.figure is Figure.DISTINCT:
        counts = np.rint(lines.distinct_counts(name)).astype(np.int64)
        return Values(counts, np.ones(len(lines), np.bool_))
    held = lines.aggregates(name)
    has_some = held.number > 0
    match reading.figure:
        case Figure.COUNT:
            return Values(held.number, np.ones(len(lines), np.bool_))
        case Figure.SUM:
            return Values(_total(held, slot), has_some)
        case Figure.MEAN:
            return Values(held.mean(), has_some)
        case Figure.QUANTILE:
            place = PERCENTILES.index(round(100 * (reading.rank or 0)))
            return Values(held.quantiles[:, place], has_some)
    return Values(_extreme(held, slot, is_least=reading.figure is Figure.MIN), has_some)


def _extreme(
    held: Aggregates, slot: BoundSlot, *, is_least: bool
) -> NDArray[np.generic]:
    if held.whole is not None:
        least, most = held.exact_extremes()
        return least if is_least else most
    return _as_whole(held.least if is_least else held.most, slot)


def _total(held: Aggregates, slot: BoundSlot) -> NDArray[np.generic]:
    """Exact where it fits into 64 bits, as a float beyond."""
    if held.whole is None:
        return _as_whole(held.total, slot)
    if np.abs(held.total).max(initial=0) >= _FITS:
        return held.total
    exact: Integers = (held.whole[:, HIGH] << 32) + held.whole[:, LOW]
    return exact


def _as_whole(numbers: Numbers, slot: BoundSlot) -> NDArray[np.generic]:
    """Whole numbers as such, where the slot's values are and they are exact."""
    if not slot.is_whole or np.abs(numbers).max(initial=0) > 2.0**53:
        return numbers
    return np.where(np.isfinite(numbers), numbers, 0).astype(np.int64)
