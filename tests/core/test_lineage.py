"""Lineage on a hand-made graph: what is behind, what is affected, what is unknown.

source/file -> raw/t(a, b) -> marts/m(x = a + b, n = count(*), u unknown)
                                 -> reports/r(s.x = m.x)    consumers/api
raw/orphan has no source.
"""

import pytest

from analytics_platform.core.lineage import Asset, Column, Lineage, to_plain
from analytics_platform.errors import NotFound
from tests.support.lineage_graph import FILE, GRAPH, A, B, X


def test_inputs_reach_back_to_the_source() -> None:
    assert set(GRAPH.inputs(Column("reports/r", "s.x"))) == {X, A, B, FILE}


def test_impact_reaches_forward_to_the_report() -> None:
    assert GRAPH.impact(B) == (X, Column("reports/r", "s.x"))


def test_what_nobody_uses_has_no_impact() -> None:
    assert GRAPH.impact(Column("marts/m", "u")) == ()


def test_assets_after_a_source_are_all_that_follow() -> None:
    assert set(GRAPH.assets_after("source/file")) == {
        "raw/t",
        "marts/m",
        "marts/dark",
        "reports/r",
        "consumers/api",
    }


def test_columns_parse_and_print_alike_even_with_dots() -> None:
    assert Column.parse("reports/r.s.x") == Column("reports/r", "s.x")
    assert str(Column("marts/m", "x")) == "marts/m.x"


def test_coverage_counts_known_columns_and_rooted_assets() -> None:
    assets, marts, reports = GRAPH.coverage(("marts", "reports"))
    assert (assets.covered, assets.total) == (6, 7)
    assert assets.unknown == ("raw/orphan",)
    assert (marts.covered, marts.total) == (2, 4)
    assert marts.unknown == ("marts/dark.z", "marts/m.u")
    assert reports.share == 1.0


def test_an_empty_class_is_covered() -> None:
    (_, features) = GRAPH.coverage(("features",))
    assert features.share == 1.0


def test_an_external_source_that_feeds_nothing_is_not_covered() -> None:
    lone = Lineage((Asset("source/x", is_external=True),))
    assert lone.coverage(())[0].unknown == ("source/x",)


def test_a_calendar_needs_no_source_when_its_columns_are_known_to_have_none() -> None:
    calendar = Asset("marts/days", columns=("day",), sources={"day": ()})
    week = Asset("marts/weeks", upstream=("marts/days",))
    assert Lineage((calendar, week)).coverage(())[0].share == 1.0


def test_assets_without_any_column_lineage_are_listed() -> None:
    assert GRAPH.unparsed() == ("marts/dark",)


def test_circles_end() -> None:
    one, two = Column("a", "x"), Column("b", "x")
    circle = Lineage(
        (
            Asset("a", upstream=("b",), columns=("x",), sources={"x": (two,)}),
            Asset("b", upstream=("a",), columns=("x",), sources={"x": (one,)}),
        )
    )
    assert circle.inputs(one) == (two,)
    assert circle.coverage(())[0].covered == 0


@pytest.mark.parametrize("text", ["marts/m.nothing", "marts/none.x"])
def test_an_unknown_column_or_asset_is_not_found(text: str) -> None:
    with pytest.raises(NotFound):
        GRAPH.impact(Column.parse(text))


def test_plain_lineage_lists_edges_of_both_kinds() -> None:
    plain = to_plain(GRAPH, GRAPH.coverage(("marts",)))
    assert ["marts/m", "reports/r"] in plain["edges"]  # type: ignore[operator]
    assert ["raw/t.b", "marts/m.x"] in plain["column_edges"]  # type: ignore[operator]
    assert plain["unparsed"] == ["marts/dark"]
