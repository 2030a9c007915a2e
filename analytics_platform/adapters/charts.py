"""Draws the charts of a report as inline SVG, without a browser or the network."""

import re
from html import escape

from analytics_platform.contracts.records import Scalar
from analytics_platform.core.reports import Chart, Field, Style, written

_WIDE, _HALF = 930, 450  # px, labels included: a whole row of the page, or half
_CHARACTER = 6  # px, mean width of one in a label of 11 px
_STEPS = 7  # colours of a heatmap; the eye tells apart no more
_SERIES = tuple(f"var(--series-{number})" for number in range(1, 7))
_SCALE = tuple(f"var(--heat-{number})" for number in range(1, _STEPS + 1))
_FONT = "Liberation Sans"  # travels inside vl-convert, and is as wide as Arial

Spec = dict[str, object]


def svg_of(chart: Chart, *, identifier: str) -> str:
    """The chart as an `<svg>` element whose ids start with `identifier`.

    Colours are CSS variables of the page (--ink, --muted, --line, --series-1 to 6,
    --heat-1 to 7). Equal charts give equal text.
    """
    import vl_convert

    svg = vl_convert.vegalite_to_svg(spec_of(chart), allowed_base_urls=[])
    return _inline(svg, chart, identifier)


def spec_of(chart: Chart) -> Spec:
    """The chart in Vega-Lite, its data inside."""
    body = {
        "line": _line,
        "bar": _bar,
        "heatmap": _heatmap,
        "points": _points,
    }[chart.kind](chart)
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "data": {"values": _values(chart)},
        "autosize": {"type": "fit-x", "contains": "padding"},
        "config": _config(),
        **body,
    }


def _line(chart: Chart) -> Spec:
    y = chart.data.field(chart.y)
    x = _position(chart.data.field(chart.x))
    color = _color(chart)
    faint = 0.4 if chart.trend else 1.0
    layers: list[Spec] = [
        {
            "mark": {"type": "line", "strokeWidth": 1.4, "opacity": faint},
            "encoding": {"x": x, "y": _value(y, chart.y), "color": color},
        }
    ]
    if chart.trend:
        layers.append(
            {
                "mark": {"type": "line", "strokeWidth": 2.4},
                "encoding": {"x": x, "y": _value(y, chart.trend), "color": color},
            }
        )
    return {"width": _WIDE, "height": 210, "layer": layers}


def _bar(chart: Chart) -> Spec:
    y = chart.data.field(chart.y)
    place: Spec = {
        "field": chart.x,
        "type": "nominal",
        "sort": None,
        "title": None,
        "axis": {"grid": False, "ticks": False, "domain": False, "labelPadding": 6},
    }
    end = {**_value(y, chart.y), "scale": {"domain": _room_for_labels(chart)}}
    bar: Spec = {
        "mark": {"type": "bar", "height": {"band": 0.68}, "color": _SERIES[0]},
        "encoding": {"y": place, "x": end},
    }
    text: Spec = {
        "mark": {
            "type": "text",
            "align": {"expr": f"datum[{chart.y!r}] < 0 ? 'right' : 'left'"},
            "dx": {"expr": f"datum[{chart.y!r}] < 0 ? -5 : 5"},
        },
        "encoding": {
            "y": place,
            "x": end,
            "text": {"field": "written"},
            "color": {"value": "var(--ink)"},
        },
    }
    return {"width": _HALF, "height": {"step": 22}, "layer": [bar, text]}


def _room_for_labels(chart: Chart) -> list[float]:
    """From zero past the longest bar on each side, so that its label fits beside it."""
    seen = [0.0, *_numbers(chart, chart.y)]
    low, high = min(seen), max(seen)
    names, figures = (
        max(len(written(v, chart.data.field(name))) for v in chart.data.values(name))
        for name in (chart.x, chart.y)
    )
    label = figures * _CHARACTER + 12
    sides = (low < 0) + (high > 0)
    plot = max(_HALF - names * _CHARACTER - 20 - sides * label, 80)
    room = (high - low or 1.0) * label / plot
    return [low - room if low < 0 else 0.0, high + room if high > 0 else 0.0]


def _heatmap(chart: Chart) -> Spec:
    color = chart.data.field(chart.color or chart.y)
    axis: Spec = {"grid": False, "ticks": False, "domain": False, "labelAngle": 0}
    encoding: Spec = {
        name: {
            "field": place,
            "type": "ordinal",
            "title": chart.data.field(place).heading,
            "sort": _places(chart, place),
            "axis": axis,
        }
        for name, place in (("x", chart.x), ("y", chart.y))
    }
    encoding["color"] = {
        "field": color.name,
        "type": "quantitative",
        "title": color.heading,
        "scale": {"type": "quantize", "range": list(_SCALE), "zero": False},
        "legend": {"format": _number_format(color), "orient": "top", "titleLimit": 0},
    }
    return {
        "width": _WIDE,
        "height": {"step": 26},
        "mark": {"type": "rect", "stroke": "var(--paper)", "strokeWidth": 1.5},
        "encoding": encoding,
    }


def _points(chart: Chart) -> Spec:
    x, y = chart.data.field(chart.x), chart.data.field(chart.y)
    across = {**_value(x, chart.x), "scale": {"zero": False, "nice": True}}
    points: Spec = {
        "mark": {"type": "line", "point": {"filled": True, "size": 50}},
        "encoding": {"x": across, "y": _value(y, chart.y), "color": _color(chart)},
    }
    layers = [points]
    if chart.diagonal:
        layers.insert(0, _diagonal(chart, across))
    return {"width": _HALF, "height": 240, "layer": layers}


def _diagonal(chart: Chart, across: Spec) -> Spec:
    seen = [*_numbers(chart, chart.x), *_numbers(chart, chart.y)]
    ends = [{chart.x: end, chart.y: end} for end in (min(seen), max(seen))]
    y = _value(chart.data.field(chart.y), chart.y)
    return {
        "data": {"values": ends},
        "mark": {"type": "line", "strokeDash": [5, 4], "color": "var(--muted)"},
        "encoding": {"x": across, "y": y},
    }


def _numbers(chart: Chart, name: str) -> list[float]:
    return [v for v in chart.data.values(name) if isinstance(v, int | float)]


def _position(field: Field) -> Spec:
    if field.style in {Style.DATE, Style.INSTANT}:
        return {
            "field": field.name,
            "type": "temporal",
            "scale": {"type": "utc"},
            "title": None,
            "axis": {
                "grid": False,
                "format": "%-d %b %Y",
                "tickCount": 8,
                "labelFlush": False,  # the first would be moved towards the second
            },
        }
    kind = "quantitative" if field.is_figure else "nominal"
    axis: Spec = {"grid": False, "labelAngle": 0}
    return {"field": field.name, "type": kind, "title": field.heading, "axis": axis}


def _value(field: Field, name: str) -> Spec:
    axis = {"format": _number_format(field), "tickCount": 6}
    return {
        "field": name,
        "type": "quantitative",
        "title": field.heading,
        "axis": axis,
    }


def _color(chart: Chart) -> Spec:
    if chart.color is None:
        return {"value": _SERIES[0]}
    return {
        "field": chart.color,
        "type": "nominal",
        "sort": None,
        "title": chart.data.field(chart.color).title,
        "scale": {"range": list(_SERIES)},
    }


def _number_format(field: Field) -> str:
    return "~%" if field.style is Style.PERCENT else ",~f"


def _places(chart: Chart, name: str) -> list[str]:
    """What stands along an axis of words, in the order of the values behind them."""
    field = chart.data.field(name)
    present = {value for value in chart.data.values(name) if value is not None}
    in_order = sorted(present, key=lambda v: (isinstance(v, str), v))
    return [written(value, field) for value in in_order]


def _values(chart: Chart) -> list[dict[str, Scalar]]:
    """The rows by name; what stands along an axis of words is written out."""
    names = [field.name for field in chart.data.fields]
    rows = [dict(zip(names, row, strict=True)) for row in chart.data.rows]
    words = {"bar": [chart.x], "heatmap": [chart.x, chart.y]}.get(chart.kind, [])
    for row in rows:
        if chart.kind == "bar":
            row["written"] = written(row[chart.y], chart.data.field(chart.y))
        row.update({name: written(row[name], chart.data.field(name)) for name in words})
    return rows


def _config() -> Spec:
    text = {"labelColor": "var(--muted)", "titleColor": "var(--ink)"}
    return {
        "aria": False,  # the whole picture has one description instead
        "background": "transparent",
        "font": _FONT,
        "view": {"stroke": None},
        "text": {"fontSize": 11},
        "axis": {
            **text,
            "labelFontSize": 11,
            "titleFontSize": 11,
            "titleFontWeight": "normal",
            "titlePadding": 8,
            "labelLimit": 220,
            "titleLimit": 0,
            "gridColor": "var(--line)",
            "domainColor": "var(--muted)",
            "tickColor": "var(--line)",
            "labelOverlap": True,
        },
        "legend": {
            **text,
            "orient": "top",
            "labelFontSize": 11,
            "titleFontSize": 11,
            "titleFontWeight": "normal",
        },
    }


def _inline(svg: str, chart: Chart, identifier: str) -> str:
    """Make a stand-alone SVG part of a page: no namespaces, own ids, described."""
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg)
    svg = re.sub(r'\bid="', f'id="{identifier}-', svg)
    svg = svg.replace("url(#", f"url(#{identifier}-")
    svg = svg.replace(_FONT, "Arial, Liberation Sans, Helvetica, sans-serif")
    title, words = f"{identifier}-title", f"{identifier}-words"
    opening = f'<svg role="img" aria-labelledby="{title} {words}"'
    names = (
        f'<title id="{title}">{escape(chart.title)}</title>'
        f'<desc id="{words}">{escape(chart.description)}</desc>'
    )
    svg = svg.replace("<svg", opening, 1)
    return re.sub(r"(<svg[^>]*>)", lambda found: found[1] + names, svg, count=1)
