"""Draws a model's calibration and contributions as SVG, without a browser."""

import base64
from pathlib import Path

from analytics_platform.contracts.evaluation import Evaluation

CALIBRATION, CONTRIBUTIONS = "calibration.svg", "contributions.svg"

_SHOWN_INPUTS = 15
_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
_FONT = "Liberation Sans"  # travels inside vl-convert
_INK, _MUTED, _FIRST = "#1c2733", "#8794a1", "#1f6fb2"

Spec = dict[str, object]


def write_plots(folder: Path, evaluation: Evaluation) -> None:
    """Write calibration.svg and contributions.svg into `folder`."""
    import vl_convert

    for name, spec in (
        (CALIBRATION, calibration_spec(evaluation)),
        (CONTRIBUTIONS, contributions_spec(evaluation)),
    ):
        svg = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
        (folder / name).write_text(svg)


def as_markdown(path: Path, title: str) -> str:
    """The SVG inside a line of Markdown, for a page that shows nothing from outside."""
    content = base64.b64encode(path.read_bytes()).decode()
    return f"![{title}](data:image/svg+xml;base64,{content})"


def calibration_spec(evaluation: Evaluation) -> Spec:
    """Mean outcome over mean prediction per bin, dashed where they would agree."""
    bins = [one.model_dump() for one in evaluation.calibration]
    ends = [value for one in bins for value in (one["predicted"], one["observed"])]
    diagonal = [{"predicted": end, "observed": end} for end in (min(ends), max(ends))]
    unit = f" ({evaluation.unit})" if evaluation.unit else ""
    encoding = {
        axis: {
            "field": field,
            "type": "quantitative",
            "scale": {"zero": False},
            "title": f"Mean {field}{unit}",
        }
        for axis, field in (("x", "predicted"), ("y", "observed"))
    }
    dashed = {"type": "line", "strokeDash": [5, 4], "color": _MUTED}
    dots = {"type": "line", "color": _FIRST, "point": {"size": 50, "color": _FIRST}}
    layers = [
        {"data": {"values": diagonal}, "mark": dashed, "encoding": encoding},
        {"data": {"values": bins}, "mark": dots, "encoding": encoding},
    ]
    return _page(
        f"{evaluation.model}: predicted against observed", 320, 260, {"layer": layers}
    )


def contributions_spec(evaluation: Evaluation) -> Spec:
    """The inputs that move predictions most, by their share of all movement."""
    largest = evaluation.contributions[:_SHOWN_INPUTS]
    bar = {
        "data": {"values": [one.model_dump() for one in largest]},
        "mark": {"type": "bar", "color": _FIRST},
        "encoding": {
            "x": {
                "field": "share",
                "type": "quantitative",
                "axis": {"format": "%"},
                "title": "Share of mean |contribution|",
            },
            "y": {"field": "input", "type": "nominal", "sort": None, "title": None},
        },
    }
    return _page(f"{evaluation.model}: what moves predictions", 320, 260, bar)


def _page(title: str, width: int, height: int, body: Spec) -> Spec:
    text = {"labelColor": _INK, "titleColor": _INK}
    return {
        "$schema": _SCHEMA,
        "title": {"text": title, "anchor": "start", "color": _INK},
        "width": width,
        "height": height,
        "background": "white",
        "config": {"font": _FONT, "axis": {**text, "labelLimit": 260}},
        **body,
    }
