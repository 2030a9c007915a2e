"""Turns the answers to a domain's report sections into charts, tables and words."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from analytics_platform.contracts.domain import ReportField, ReportSection
from analytics_platform.contracts.records import Scalar
from analytics_platform.core.reports import Chart, Field, Section, Style, Table, written

NO_DATA = "No data: the published snapshot has no rows for this section."
_TREND = "__trend"
_LABEL = "__label"
_BETWEEN = " \u2013 "


@dataclass(frozen=True)
class Answer:
    """A query's result: column names, rows (n x k), and what each column comes from."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Scalar, ...], ...]
    lineage: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def section_of(
    chapter: str,
    declared: ReportSection,
    answer: Answer,
    fields: Mapping[str, ReportField],
) -> Section:
    """The section a declaration asks for; without rows it says so and draws nothing."""
    table = table_of_answer(answer, fields)
    anchor = anchor_of(declared.title)
    if not table.rows:
        return Section(chapter, anchor, declared.title, declared.text, notes=(NO_DATA,))
    return Section(
        chapter=chapter,
        anchor=anchor,
        title=declared.title,
        text=declared.text,
        charts=tuple(_charts(declared, table)),
        table=table,
    )


def field_of(
    name: str,
    fields: Mapping[str, ReportField],
    lineage: tuple[str, ...] | None = None,
) -> Field:
    """How `name` is shown: as declared, else as text titled by its name."""
    declared = fields.get(name)
    if declared is None:
        return Field(name, _title_of(name), lineage=lineage)
    return Field(
        name=name,
        title=declared.title,
        style=Style(declared.style),
        unit=declared.unit,
        decimals=declared.decimals,
        better=declared.better,
        labels=tuple(declared.labels.items()),
        lineage=lineage,
    )


def table_of_answer(answer: Answer, fields: Mapping[str, ReportField]) -> Table:
    """The answer's rows under titled fields; undeclared figures keep two decimals."""
    shown = []
    for position, name in enumerate(answer.columns):
        lineage = answer.lineage.get(name)
        chosen = field_of(name, fields, lineage)
        if name not in fields:
            style = _style_of(row[position] for row in answer.rows)
            chosen = Field(name, chosen.title, style, decimals=2, lineage=lineage)
        shown.append(chosen)
    return Table(tuple(shown), answer.rows)


def anchor_of(title: str) -> str:
    """A title as a fragment identifier."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def describe(chart: Chart) -> str:
    """What can be seen in a chart, for those who cannot see it."""
    value_name = chart.color if chart.kind == "heatmap" and chart.color else chart.y
    value_field = chart.data.field(value_name)
    names = [chart.x, chart.y] if chart.kind == "heatmap" else [chart.x]
    points = [
        (value, [written(v, f) for v, f in zip(place, places, strict=True)])
        for value, *place in zip(
            chart.data.values(value_name),
            *(chart.data.values(name) for name in names),
            strict=True,
        )
        if isinstance(value, int | float)
        for places in [[chart.data.field(name) for name in names]]
    ]
    if not points:
        return f"{value_field.title}: no values."
    low, high = min(points), max(points)
    by = " and ".join(chart.data.field(name).title.lower() for name in names)
    return (
        f"{value_field.title} by {by}, {len(points)} values: lowest "
        f"{written(low[0], value_field, unit=True)} at {', '.join(low[1])}, highest "
        f"{written(high[0], value_field, unit=True)} at {', '.join(high[1])}."
    )


def with_trend(table: Table, name: str, points: int) -> Table:
    """The table with the trailing mean over up to `points` rows of `name` added.

    Rows are taken in their order; a missing value leaves its mean out.
    """
    shown = table.field(name)
    trend = Field(
        name=name + _TREND,
        title=f"Trailing mean of {points} points",
        style=shown.style,
        unit=shown.unit,
        decimals=shown.decimals,
        lineage=shown.lineage,
    )
    means = _trailing_means(table.values(name), points)
    rows = tuple((*row, mean) for row, mean in zip(table.rows, means, strict=True))
    return Table((*table.fields, trend), rows)


def _charts(declared: ReportSection, table: Table) -> Iterable[Chart]:
    if declared.chart == "none":
        return
    groups = groups_of(declared)
    figures = [f.name for f in table.fields if f.is_figure and f.name not in groups]
    for name in declared.plotted or figures:
        chart = _chart(declared, table, groups, name)
        yield replace(chart, description=describe(chart))


def groups_of(declared: ReportSection) -> tuple[str, ...]:
    """The columns that say what a row is about; a relation's first one if unsaid."""
    return declared.group_by or declared.columns[:1]


def _chart(
    declared: ReportSection, table: Table, groups: tuple[str, ...], name: str
) -> Chart:
    title = table.field(name).heading
    if declared.chart == "heatmap":
        data = _only(table, (*groups[:2], name))
        return Chart("heatmap", title, data, groups[0], groups[1], color=name)
    if declared.chart == "bar":
        labelled = _labelled(_only(table, (*groups, name)), groups)
        return Chart("bar", title, labelled, labelled.fields[0].name, name)
    color = groups[1] if len(groups) > 1 else None
    data, trend = _only(table, (*groups, name)), None
    if declared.smooth and color is None:
        data, trend = with_trend(data, name, declared.smooth), name + _TREND
    return Chart("line", title, data, groups[0], name, color=color, trend=trend)


def _only(table: Table, names: tuple[str, ...]) -> Table:
    columns = [table.values(name) for name in names]
    fields = tuple(table.field(name) for name in names)
    return Table(fields, tuple(zip(*columns, strict=True)))


def _labelled(table: Table, groups: tuple[str, ...]) -> Table:
    """One text column in place of several groupings, such as `a - b`."""
    if len(groups) == 1:
        return table
    fields = table.fields[: len(groups)]
    label = Field(
        name=_LABEL,
        title=_BETWEEN.join(shown.title for shown in fields),
        lineage=tuple(source for shown in fields for source in shown.lineage or ()),
    )
    rows = tuple(
        (
            _BETWEEN.join(
                written(value, shown) for value, shown in zip(row, fields, strict=False)
            ),
            *row[len(groups) :],
        )
        for row in table.rows
    )
    return Table((label, *table.fields[len(groups) :]), rows)


def _trailing_means(values: tuple[Scalar, ...], points: int) -> list[float | None]:
    means: list[float | None] = []
    for position, value in enumerate(values):
        window = [
            v
            for v in values[max(0, position - points + 1) : position + 1]
            if isinstance(v, int | float)
        ]
        known = isinstance(value, int | float) and window
        means.append(sum(window) / len(window) if known else None)
    return means


def _style_of(values: Iterable[Scalar]) -> Style:
    present = [value for value in values if value is not None]
    if any(isinstance(v, str | bool) for v in present) or not present:
        return Style.TEXT
    whole = all(isinstance(v, int) for v in present)
    return Style.INTEGER if whole else Style.NUMBER


def _title_of(name: str) -> str:
    words = name.rsplit("__", maxsplit=1)[-1].replace("_", " ").strip()
    return words[:1].upper() + words[1:]
