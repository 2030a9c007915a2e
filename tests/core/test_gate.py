"""The gate against an oracle: nothing kept back too much or too little."""

from datetime import UTC, datetime
from itertools import product
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_platform.contracts.domain import Severity
from analytics_platform.contracts.records import Verdict
from analytics_platform.core.gate import (
    Edge,
    Graph,
    Part,
    Reads,
    blockers,
    buildable,
    in_force,
    passing,
)
from analytics_platform.errors import InvalidUsage

MONTHS = tuple(f"2013-{month:02d}-01" for month in range(1, 13))
QUARTER = MONTHS[:3]


class Said(NamedTuple):
    """What a check said."""

    passed: bool
    severity: Severity
    blocking: bool
    known: bool


RED = Said(passed=False, severity=Severity.ERROR, blocking=True, known=False)
GREEN = RED._replace(passed=True)
EVERY_SAYING = tuple(
    Said(*fields)
    for fields in product((True, False), Severity, (True, False), (True, False))
)


def verdict(asset: str, part: Part, said: Said = RED) -> Verdict:
    return Verdict(
        asset=asset,
        partition=part,
        check="c",
        passed=said.passed,
        severity=said.severity,
        blocking=said.blocking,
        failing_rows=0 if said.passed else 1,
        total_rows=10,
        known_defect=said.known,
        run_id="run",
        evaluated_at=datetime(2013, 1, 1, tzinfo=UTC),
    )


def everything(graph: Graph) -> dict[str, tuple[Part, ...]]:
    assets = {*graph.edges, *(e.upstream for es in graph.edges.values() for e in es)}
    return {asset: graph.parts(asset) for asset in assets}


# ---- the oracle: whether a part may be built, asked part by part, by definition only


def is_fit(graph: Graph, verdicts: list[Verdict], asset: str, part: Part) -> bool:
    for one in verdicts:
        concerns = one.asset == asset and (
            asset not in graph.partitioned or one.partition in (None, part)
        )
        stops = not one.passed and one.severity is Severity.ERROR and one.blocking
        if concerns and stops:
            return False
    return may_build(graph, verdicts, asset, part)


def may_build(graph: Graph, verdicts: list[Verdict], asset: str, part: Part) -> bool:
    for edge in graph.edges.get(asset, ()):
        for candidate in (None, *graph.partitions):
            if is_read(graph, part, edge, candidate) and not is_fit(
                graph, verdicts, edge.upstream, candidate
            ):
                return False
    return True


def is_read(graph: Graph, part: Part, edge: Edge, candidate: Part) -> bool:
    if edge.upstream not in graph.partitioned:
        return candidate is None
    if candidate is None:
        return False
    if part is None or edge.reads is Reads.ALL:
        return True
    if edge.reads is Reads.SAME:
        return candidate == part
    distance = graph.partitions.index(part) - graph.partitions.index(candidate)
    return 0 <= distance <= edge.back


def expected(graph: Graph, verdicts: list[Verdict]) -> dict[str, frozenset[Part]]:
    return {
        asset: frozenset(p for p in parts if may_build(graph, verdicts, asset, p))
        for asset, parts in everything(graph).items()
    }


# ---- worked by hand


def test_a_red_march_keeps_back_march_and_nothing_else() -> None:
    graph = Graph(MONTHS, frozenset({"raw", "mart"}), {"mart": (Edge("raw"),)})
    found = buildable(graph, [verdict("raw", MONTHS[2])], {"mart": MONTHS})
    assert found["mart"] == set(MONTHS) - {MONTHS[2]}


def test_a_red_march_keeps_back_an_unpartitioned_asset_whole() -> None:
    graph = Graph(
        MONTHS,
        frozenset({"raw", "mart"}),
        {"mart": (Edge("raw"),), "model": (Edge("mart"),)},
    )
    found = buildable(graph, [verdict("raw", MONTHS[2])], {"model": [None]})
    assert found["model"] == frozenset()


def test_a_window_of_two_months_back_is_kept_back_for_three_months() -> None:
    graph = Graph(
        MONTHS,
        frozenset({"mart", "view"}),
        {"view": (Edge("mart", Reads.WINDOW, back=2),)},
    )
    found = buildable(graph, [verdict("mart", MONTHS[2])], {"view": MONTHS})
    assert set(MONTHS) - found["view"] == set(MONTHS[2:5])


def test_a_red_asset_may_be_built_again_itself() -> None:
    graph = Graph(MONTHS, frozenset({"raw"}), {"raw": ()})
    found = buildable(graph, [verdict("raw", MONTHS[2])], {"raw": MONTHS})
    assert found["raw"] == set(MONTHS)


def test_a_red_whole_table_keeps_back_every_month_that_reads_it() -> None:
    graph = Graph(MONTHS, frozenset({"mart"}), {"mart": (Edge("planes"),)})
    found = buildable(graph, [verdict("planes", None)], {"mart": MONTHS})
    assert found["mart"] == frozenset()


def test_a_verdict_on_a_partitioned_asset_as_a_whole_concerns_every_month() -> None:
    graph = Graph(MONTHS, frozenset({"raw", "mart"}), {"mart": (Edge("raw"),)})
    assert buildable(graph, [verdict("raw", None)], {"mart": MONTHS})["mart"] == set()


def test_an_asset_beside_the_red_one_is_built() -> None:
    graph = Graph(
        MONTHS, frozenset({"raw"}), {"model": (Edge("raw"),), "other": (Edge("dim"),)}
    )
    found = buildable(
        graph, [verdict("raw", MONTHS[0])], {"model": [None], "other": [None]}
    )
    assert found == {"model": frozenset(), "other": frozenset({None})}


def test_passing_gives_the_good_partitions_in_the_order_asked() -> None:
    graph = Graph(MONTHS, frozenset({"raw", "mart"}), {"mart": (Edge("raw"),)})
    asked = [MONTHS[3], MONTHS[2], MONTHS[0]]
    found = passing("mart", asked, graph, [verdict("raw", MONTHS[2])])
    assert found == [MONTHS[3], MONTHS[0]]


def test_blockers_name_the_verdicts_behind_a_refusal() -> None:
    graph = Graph(
        MONTHS,
        frozenset({"raw", "mart"}),
        {"mart": (Edge("raw"),), "model": (Edge("mart"),)},
    )
    red, green = verdict("raw", MONTHS[2]), verdict("raw", MONTHS[3], GREEN)
    own = verdict("model", None)
    assert blockers(graph, [red, green, own], "model") == [red]
    assert blockers(graph, [red, green], "mart", MONTHS[3]) == []


def test_verdicts_on_what_is_built_anew_are_no_longer_in_force() -> None:
    march, april = verdict("raw", MONTHS[2]), verdict("raw", MONTHS[3])
    assert in_force([march, april], {"raw": [MONTHS[2]]}) == [april]


def test_assets_that_read_each_other_are_refused() -> None:
    graph = Graph(MONTHS, frozenset(), {"a": (Edge("b"),), "b": (Edge("a"),)})
    with pytest.raises(InvalidUsage, match="in a circle"):
        buildable(graph, [], {"a": [None]})


# ---- the whole matrix, and random graphs


@pytest.mark.parametrize(
    "partitioned",
    [
        frozenset(s)
        for s in (
            (),
            ("a",),
            ("b",),
            ("c",),
            ("a", "b"),
            ("a", "c"),
            ("b", "c"),
            ("a", "b", "c"),
        )
    ],
)
@pytest.mark.parametrize("first", [Edge("a", r, back=1) for r in Reads])
@pytest.mark.parametrize("second", [Edge("b", r, back=1) for r in Reads])
def test_chains_of_all_kinds_and_verdicts_agree_with_the_oracle(
    partitioned: frozenset[str], first: Edge, second: Edge
) -> None:
    graph = Graph(QUARTER, partitioned, {"b": (first,), "c": (second,)})
    wanted = everything(graph)
    for asset, said in product("abc", EVERY_SAYING):
        for part in {*graph.parts(asset), None}:
            judged = [verdict(asset, part, said)]
            assert buildable(graph, judged, wanted) == expected(graph, judged)


ASSETS = ("a", "b", "c", "d", "e")


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    edges = {}
    for position, asset in enumerate(ASSETS):
        upstream = draw(
            st.lists(st.sampled_from(ASSETS[:position]), unique=True, max_size=3)
            if position
            else st.just([])
        )
        edges[asset] = tuple(
            Edge(one, draw(st.sampled_from(Reads)), back=draw(st.integers(0, 3)))
            for one in upstream
        )
    return Graph(MONTHS[:5], frozenset(draw(st.sets(st.sampled_from(ASSETS)))), edges)


@st.composite
def judged_graphs(draw: st.DrawFn) -> tuple[Graph, list[Verdict]]:
    graph = draw(graphs())
    judged = []
    for _ in range(draw(st.integers(0, 4))):
        asset = draw(st.sampled_from(ASSETS))
        part = draw(st.sampled_from((*graph.parts(asset), None)))
        judged.append(verdict(asset, part, draw(st.sampled_from(EVERY_SAYING))))
    return graph, judged


@settings(max_examples=300, deadline=None)
@given(judged_graphs())
def test_random_graphs_agree_with_the_oracle(
    judged: tuple[Graph, list[Verdict]],
) -> None:
    graph, verdicts = judged
    assert buildable(graph, verdicts, everything(graph)) == expected(graph, verdicts)


@settings(max_examples=200, deadline=None)
@given(judged_graphs())
def test_a_part_is_kept_back_exactly_when_it_has_blockers(
    judged: tuple[Graph, list[Verdict]],
) -> None:
    graph, verdicts = judged
    found = buildable(graph, verdicts, everything(graph))
    for asset, parts in everything(graph).items():
        for part in parts:
            has_blockers = bool(blockers(graph, verdicts, asset, part))
            assert has_blockers == (part not in found[asset])
