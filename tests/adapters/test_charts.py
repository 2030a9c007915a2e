"""Charts are drawn without a browser, the network or chance."""

import re
from dataclasses import replace

import altair
import pytest

from analytics_platform.adapters.charts import spec_of, svg_of
from analytics_platform.core.reports import Chart, Field, Style, table_of
from tests.support.reports import HOSTILE, sample_report

CHARTS = [chart for section in sample_report().sections for chart in section.charts]
KINDS: dict[str, Chart] = {chart.kind: chart for chart in CHARTS}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_equal_charts_give_equal_bytes(kind: str) -> None:
    chart = KINDS[kind]
    assert svg_of(chart, identifier="a") == svg_of(replace(chart), identifier="a")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_picture_names_no_address(kind: str) -> None:
    svg = svg_of(KINDS[kind], identifier="a")
    assert "http" not in svg
    assert "//" not in svg


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_specification_is_valid_vega_lite(kind: str) -> None:
    altair.Chart.from_dict(spec_of(KINDS[kind]))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_picture_is_described_in_words(kind: str) -> None:
    svg = svg_of(KINDS[kind], identifier="a")
    assert svg.startswith('<svg role="img" aria-labelledby="a-title a-words"')
    described = re.search(r'<desc id="a-words">(.+?)</desc>', svg)
    assert described
    assert "lowest" in described[1]


def test_texts_are_escaped() -> None:
    svg = svg_of(KINDS["bar"], identifier="a")
    hostile = next(chart for chart in CHARTS if HOSTILE in chart.data.values(chart.x))
    assert "<script" not in svg
    assert "<script" not in svg_of(hostile, identifier="a")
    assert "&lt;script" in svg_of(hostile, identifier="a")


def test_colours_come_from_the_page_so_that_dark_mode_reaches_them() -> None:
    for chart in CHARTS:
        svg = svg_of(chart, identifier="a")
        painted = set(re.findall(r'(?:fill|stroke)="([^"]+)"', svg))
        foreign = {p for p in painted if not p.startswith("var(")} - {"none"}
        # The legend's gradient outline, drawn with no width to speak of.
        assert foreign <= {"transparent", "#ddd"}


def test_ids_are_the_charts_own() -> None:
    one, two = (svg_of(KINDS["line"], identifier=name) for name in ("one", "two"))
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in (one, two)]
    assert ids[0].isdisjoint(ids[1])
    for svg, own in zip((one, two), ids, strict=True):
        assert set(re.findall(r"url\(#([^)]+)\)", svg)) <= own


def test_a_bars_label_is_its_value_as_written_elsewhere() -> None:
    fields = (Field("k", "Key"), Field("v", "Value", Style.NUMBER, "min", 1))
    data = table_of(fields, [("a", -9.84), ("b", 1234.56)])
    svg = svg_of(Chart("bar", "T", data, "k", "v"), identifier="a")
    assert ">\u22129.8</text>" in svg
    assert ">1,234.6</text>" in svg


def test_a_heatmaps_axes_stand_in_the_order_of_values_not_of_words() -> None:
    labels = tuple(zip(["1", "2", "3"], ("Mon", "Tue", "Wed"), strict=True))
    fields = (
        Field("h", "Hour", Style.INTEGER),
        Field("w", "Weekday", labels=labels),
        Field("v", "Value", Style.NUMBER),
    )
    rows = [(h, w, h * w + 0.5) for h in (10, 9, 2) for w in (3, 1, 2)]
    chart = Chart("heatmap", "T", table_of(fields, rows), "h", "w", color="v")
    svg = svg_of(chart, identifier="a")
    found = re.findall(r">(Mon|Tue|Wed|2|9|10)</text>", svg)
    assert found == ["2", "9", "10", "Mon", "Tue", "Wed"]
