"""Renders a report as one HTML page that fetches nothing and needs no script."""

import re
from itertools import groupby

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from analytics_platform.adapters.charts import svg_of
from analytics_platform.core.report_sections import anchor_of
from analytics_platform.core.reports import (
    Report,
    Section,
    change_text,
    day_text,
    instant_text,
    written,
)

# A longer table is folded away, the sooner if there is a picture of it.
_ROWS_BESIDE_CHARTS, _ROWS_ALONE = 24, 40
_MARKS = {"new error": "bad", "new warn": "warn"}
_JOINT = re.compile(r"(?<=\w)([_/]+)(?=\w)")


def render_html(report: Report) -> str:
    """The page: UTF-8, light and dark, for screens and for print.

    Texts of the report are escaped. Equal reports give equal text.
    """
    environment = Environment(
        loader=PackageLoader("analytics_platform", "adapters/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        report=report,
        chapters=_chapters(report),
        pictures=_pictures(report),
        shown_rows=_shown_rows,
        marks=_MARKS,
        written=written,
        breakable=_breakable,
        change_text=change_text,
        day_text=day_text,
        instant_text=instant_text,
        anchor_of=anchor_of,
    )


def _shown_rows(section: Section) -> int:
    return _ROWS_BESIDE_CHARTS if section.charts else _ROWS_ALONE


def _breakable(text: str) -> Markup:
    """The text, escaped, with places where a long identifier may be broken."""
    safe = str(escape(text))
    return Markup(_JOINT.sub(r"\1<wbr>", safe))  # noqa: S704  escaped just before


def _chapters(report: Report) -> list[tuple[str, list[Section]]]:
    grouped = groupby(report.sections, key=lambda section: section.chapter)
    return [(chapter, list(sections)) for chapter, sections in grouped]


def _pictures(report: Report) -> dict[tuple[str, int], Markup]:
    return {
        (section.anchor, number): Markup(  # noqa: S704  drawn and escaped by svg_of
            svg_of(chart, identifier=f"{section.anchor}-{number}")
        )
        for section in report.sections
        for number, chart in enumerate(section.charts)
    }
