"""Runs are planned so that every part is built after what it reads, and only once.

The graph of these tests, its partitions 1 to 4:

    raw (partitioned) ---> mart (partitioned) ---> model (whole)
    dim (whole) ------------^
"""

from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.core.gate import Edge, Graph, Part
from analytics_platform.core.run_plan import PlannedRun, next_runs, without

KEYS = ("1", "2", "3", "4")
GRAPH = Graph(
    partitions=KEYS,
    partitioned=frozenset({"raw", "mart"}),
    edges={
        "mart": (Edge("raw"), Edge("dim")),
        "model": (Edge("mart"),),
    },
)
ALL: dict[str, frozenset[Part]] = {
    "raw": frozenset(KEYS),
    "dim": frozenset({None}),
    "mart": frozenset(KEYS),
    "model": frozenset({None}),
}


def test_what_is_all_allowed_is_one_run() -> None:
    assert next_runs(GRAPH, ALL, ALL) == [PlannedRun(frozenset(ALL), "1", "4")]


def test_a_partition_kept_back_splits_the_range() -> None:
    wanted = {"mart": ALL["mart"], "model": ALL["model"]}
    allowed = {"mart": frozenset({"1", "2", "4"}), "model": frozenset[Part]()}
    assert next_runs(GRAPH, wanted, allowed) == [
        PlannedRun(frozenset({"mart"}), "1", "2"),
        PlannedRun(frozenset({"mart"}), "4", "4"),
    ]


def test_a_whole_that_ranges_read_comes_first() -> None:
    wanted = {"dim": ALL["dim"], "mart": ALL["mart"]}
    allowed = {"dim": ALL["dim"], "mart": frozenset({"1", "3"})}
    assert next_runs(GRAPH, wanted, allowed) == [PlannedRun(frozenset({"dim"}))]


def test_a_whole_waits_for_the_ranges_it_reads() -> None:
    wanted = {"mart": frozenset({"1", "3"}), "model": ALL["model"]}
    runs = next_runs(GRAPH, wanted, wanted)
    assert [run.assets for run in runs] == [frozenset({"mart"})] * 2


def test_nothing_allowed_plans_nothing() -> None:
    assert next_runs(GRAPH, ALL, {asset: frozenset() for asset in ALL}) == []


def test_what_is_done_is_taken_off() -> None:
    done = {"raw": {"1", "2", "3", "4"}, "mart": {"1"}}
    assert without({"raw": KEYS, "mart": KEYS}, done) == {
        "mart": frozenset({"2", "3", "4"})
    }


parts = st.fixed_dictionaries(
    {
        asset: st.frozensets(st.sampled_from(sorted(p, key=str)))
        for asset, p in ALL.items()
    }
)


@given(parts, parts)
def test_every_allowed_part_is_built_once_and_nothing_else(
    wanted: dict[str, frozenset[Part]], allowed: dict[str, frozenset[Part]]
) -> None:
    allowed = {asset: allowed[asset] & wanted[asset] for asset in wanted}
    built: list[tuple[str, Part]] = []
    remaining, open_parts = without(wanted, {}), without(allowed, {})
    for _ in range(20):
        runs = next_runs(GRAPH, remaining, open_parts)
        if not runs:
            break
        for run in runs:
            done = run.parts(GRAPH)
            new = [(asset, part) for asset, ps in done.items() for part in ps]
            assert not set(new) & set(built)
            built += new
            open_parts = without(open_parts, done)
            remaining = without(remaining, done)
    kept_back = {asset for asset in wanted if wanted[asset] - allowed[asset]}
    assert set(built) <= {(a, p) for a, ps in allowed.items() for p in ps}
    if not kept_back:
        assert len(built) == sum(len(ps) for ps in allowed.values())
