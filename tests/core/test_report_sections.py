"""Answers become charts, tables and words."""

from analytics_platform.contracts.domain import ReportField, ReportSection
from analytics_platform.core.report_sections import (
    NO_DATA,
    Answer,
    section_of,
)
from analytics_platform.core.reports import Style
from tests.support.reports import RESULTS, SPEC

FIELDS = {field.name: field for field in SPEC.fields}


def test_a_section_without_rows_says_so_and_draws_nothing() -> None:
    section = section_of("Results", SPEC.sections[3], RESULTS.sections[3], FIELDS)
    assert section.notes == (NO_DATA,)
    assert section.charts == ()
    assert section.table is None


def test_a_line_has_one_panel_per_figure_with_its_trend() -> None:
    section = section_of("Results", SPEC.sections[0], RESULTS.sections[0], FIELDS)
    assert [chart.y for chart in section.charts] == ["late_share", "wait"]
    trend = section.charts[1].data.values("wait__trend")
    assert trend == (3.25, None, -1.5)


def test_a_trend_is_the_mean_of_the_points_up_to_each() -> None:
    declared = ReportSection(
        title="T", text="", metrics=("v",), group_by=("d",), smooth=3
    )
    answer = Answer(("d", "v"), tuple((str(n), float(n)) for n in range(5)))
    section = section_of("Results", declared, answer, {})
    assert section.charts[0].data.values("v__trend") == (0.0, 0.5, 1.0, 2.0, 3.0)


def test_several_groupings_of_a_bar_become_one_label() -> None:
    declared = ReportSection(
        title="T", text="", metrics=("v",), group_by=("a", "b"), chart="bar"
    )
    section = section_of(
        "Results", declared, Answer(("a", "b", "v"), (("x", "y", 1),)), {}
    )
    assert section.charts[0].data.rows == (("x \u2013 y", 1),)
    assert section.table is not None
    assert section.table.rows == (("x", "y", 1),)


def test_a_heatmap_puts_the_groupings_on_its_axes() -> None:
    section = section_of("Results", SPEC.sections[2], RESULTS.sections[2], FIELDS)
    (chart,) = section.charts
    assert (chart.x, chart.y, chart.color) == ("hour", "weekday", "late_share")


def test_a_description_tells_lowest_and_highest() -> None:
    section = section_of("Results", SPEC.sections[1], RESULTS.sections[1], FIELDS)
    assert section.charts[0].description == (
        "Late share by shop, 2 values: lowest 0.0\u00a0% at North, highest "
        "50.0\u00a0% at <script>alert('x')</script>."
    )


def test_a_relations_first_column_says_what_a_row_is_about() -> None:
    declared = ReportSection(
        title="T", text="", relation="r", columns=("k", "v"), chart="bar"
    )
    section = section_of("Results", declared, Answer(("k", "v"), (("a", 2.5),)), {})
    assert (section.charts[0].x, section.charts[0].y) == ("k", "v")


def test_undeclared_columns_are_titled_by_name_and_typed_by_value() -> None:
    declared = ReportSection(title="T", text="", metrics=("n",), chart="none")
    answer = Answer(("shop__name", "n", "v"), (("a", 2, 0.5),))
    table = section_of("Results", declared, answer, {}).table
    assert table is not None
    shown = [(field.title, field.style) for field in table.fields]
    assert shown == [
        ("Name", Style.TEXT),
        ("N", Style.INTEGER),
        ("V", Style.NUMBER),
    ]


def test_a_declared_field_is_shown_as_declared() -> None:
    field = ReportField(name="n", title="Orders", style="integer", better="higher")
    declared = ReportSection(title="T", text="", metrics=("n",), chart="none")
    table = section_of("R", declared, Answer(("n",), ((2.0,),)), {"n": field}).table
    assert table is not None
    assert (table.fields[0].title, table.fields[0].better) == ("Orders", "higher")
