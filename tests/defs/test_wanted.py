"""What is missing: never built, built from something missing, or never judged."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.control_store.migrations import migrate
from analytics_platform.contracts.domain import ModelCheck
from analytics_platform.core.gate import Graph, Part
from analytics_platform.defs.graph import asset_graph, neutral_graph
from analytics_platform.defs.runs import Builder
from analytics_platform.defs.wanted import Wanted, missing, selected, unjudged
from analytics_platform.errors import InvalidUsage
from tests.support.graphs import KEYS, Knobs, definitions, verdict
from tests.support.quality_domain import not_null

MARCH, APRIL = "2013-03-01", "2013-04-01"
WHOLE: frozenset[Part] = frozenset({None})
YEAR: frozenset[Part] = frozenset(KEYS)
ALL: Wanted = {
    "raw": YEAR,
    "mart": YEAR,
    "dim": WHOLE,
    "model": WHOLE,
    "aside": WHOLE,
}


@pytest.fixture
def knobs(tmp_path: Path) -> Knobs:
    url = f"sqlite:///{tmp_path}/control.sqlite"
    migrate(url)
    return Knobs(ControlStore.open(url))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def graph(knobs: Knobs) -> Graph:
    return neutral_graph(asset_graph(definitions(knobs)))


def build(knobs: Knobs, instance: dg.DagsterInstance, wanted: Wanted) -> None:
    Builder(definitions(knobs), instance, knobs.store, lambda _event: None).build(
        wanted
    )


def test_everything_is_missing_at_first_and_nothing_in_the_end(
    knobs: Knobs, instance: dg.DagsterInstance, graph: Graph
) -> None:
    assert missing(instance, graph, ALL, {}) == ALL
    build(knobs, instance, ALL)
    assert missing(instance, graph, ALL, {}) == {}


def test_what_reads_something_missing_is_missing_too(
    knobs: Knobs, instance: dg.DagsterInstance, graph: Graph
) -> None:
    build(knobs, instance, {**ALL, "raw": YEAR - {APRIL}, "mart": YEAR})
    assert missing(instance, graph, ALL, {}) == {
        "raw": {APRIL},
        "mart": {APRIL},
        "model": WHOLE,
    }


def test_what_was_never_judged_is_built_again_with_all_that_reads_it(
    knobs: Knobs, instance: dg.DagsterInstance, graph: Graph
) -> None:
    build(knobs, instance, ALL)
    silent: Wanted = {"mart": frozenset({MARCH})}
    assert missing(instance, graph, ALL, silent) == {"mart": {MARCH}, "model": WHOLE}


def test_a_part_is_judged_by_the_domains_own_checks_only() -> None:
    check = ModelCheck(model="mart", expectations=(not_null("id"),))
    wanted: Wanted = {"marts/mart": frozenset({MARCH, APRIL}), "raw/mart": WHOLE}
    mine = verdict("marts/mart", MARCH, "run", passed=False)
    mine = mine.model_copy(update={"check": "id_not_null"})
    of_dbt = verdict("marts/mart", APRIL, "run", passed=True)
    assert unjudged([check], [mine, of_dbt], wanted) == {"marts/mart": {APRIL}}


def test_a_check_that_could_not_be_evaluated_has_not_judged() -> None:
    check = ModelCheck(model="mart", expectations=(not_null("id"),))
    found = verdict("marts/mart", MARCH, "run", passed=False)
    error = {"check": "id_not_null", "detail": "Cannot be evaluated: no server"}
    wanted: Wanted = {"marts/mart": frozenset({MARCH})}
    assert unjudged([check], [found.model_copy(update=error)], wanted) == wanted


@pytest.mark.parametrize(
    ("told", "asked"), [(None, MARCH), (MARCH, None), (None, None)]
)
def test_a_verdict_on_the_whole_is_one_on_its_parts_and_back(
    told: Part, asked: Part
) -> None:
    check = ModelCheck(model="mart", expectations=(not_null("id"),))
    found = verdict("marts/mart", told, "run", passed=True)
    found = found.model_copy(update={"check": "id_not_null"})
    wanted: Wanted = {"marts/mart": frozenset({asked})}
    assert unjudged([check], [], wanted) == wanted
    assert unjudged([check], [found], wanted) == {"marts/mart": frozenset()}


@pytest.mark.parametrize("text", ["key:nothing", "key:("])
def test_a_selection_that_names_nothing_is_refused(knobs: Knobs, text: str) -> None:
    with pytest.raises(InvalidUsage, match="The selection"):
        selected(definitions(knobs), text)
