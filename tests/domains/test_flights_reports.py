"""The reference domain's report asks only for what dbt and the snapshot can answer."""

from itertools import chain
from pathlib import Path

import pytest
import yaml

from analytics_platform.contracts.domain import ReportSection
from analytics_platform.domains.flights import DOMAIN
from analytics_platform.domains.flights.reports import FLIGHT_OPERATIONS as REPORT

SEMANTICS = Path("dbt_project/models/semantics")


def declared(kind: str) -> list[dict[str, object]]:
    files = sorted(SEMANTICS.glob("*.yml"))
    read = [yaml.safe_load(file.read_text()) for file in files]
    return list(chain.from_iterable(one.get(kind, ()) for one in read))


def columns(section: ReportSection) -> set[str]:
    return {*section.group_by, *section.metrics, *section.columns}


def test_every_metric_is_one_of_dbts() -> None:
    known = {metric["name"] for metric in declared("metrics")}
    asked = {name for section in REPORT.sections for name in section.metrics}
    assert {*asked, *REPORT.headlines} <= known


def test_five_figures_stand_on_top() -> None:
    assert len(REPORT.headlines) == 5


@pytest.mark.parametrize("section", REPORT.sections, ids=lambda one: one.title)
def test_a_section_orders_and_plots_what_it_asks_for(section: ReportSection) -> None:
    assert section.order_by is None or section.order_by in columns(section)
    assert set(section.plotted) <= columns(section)


def test_every_column_is_titled() -> None:
    titled = {field.name for field in REPORT.fields}
    asked = set().union(*map(columns, REPORT.sections))
    assert {*asked, *REPORT.headlines} <= titled


def test_what_metrics_are_measured_on_is_published() -> None:
    models = {
        str(model["model"]).removeprefix("ref('").removesuffix("')")
        for model in declared("semantic_models")
    }
    assert models <= set(DOMAIN.published)


def test_titles_are_unique_as_they_are_anchors() -> None:
    titles = [section.title.lower() for section in REPORT.sections]
    assert len(titles) == len(set(titles))
