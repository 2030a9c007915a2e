"""Runs build all that may be built, once, and nothing that reads something unfit."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.control_store.migrations import migrate
from analytics_platform.core.gate import Part
from analytics_platform.defs.run_events import Materialized, RunEvent, StepEnded
from analytics_platform.defs.runs import Builder, Built
from analytics_platform.defs.step_errors import CheckError
from tests.support.graphs import KEYS, Knobs, definitions

MARCH = "2013-03-01"
WHOLE: frozenset[Part] = frozenset({None})
YEAR: frozenset[Part] = frozenset(KEYS)
ALL = {"raw": YEAR, "mart": YEAR, "dim": WHOLE, "model": WHOLE, "aside": WHOLE}


@pytest.fixture
def knobs(tmp_path: Path) -> Knobs:
    url = f"sqlite:///{tmp_path}/control.sqlite"
    migrate(url)
    return Knobs(ControlStore.open(url))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def build(
    knobs: Knobs, instance: dg.DagsterInstance, wanted: dict[str, frozenset[Part]]
) -> Built:
    knobs.built.clear()
    builder = Builder(definitions(knobs), instance, knobs.store, lambda _entry: None)
    return builder.build(wanted)


def test_a_green_year_is_one_run(knobs: Knobs, instance: dg.DagsterInstance) -> None:
    built = build(knobs, instance, ALL)
    assert len(built.run_ids) == 1
    assert built.parts == ALL
    assert (built.red, built.failed, built.left) == ({}, {}, {})


def test_a_red_march_leaves_eleven_built_months_and_blocks_the_whole(
    knobs: Knobs, instance: dg.DagsterInstance
) -> None:
    knobs.red["raw"] = {MARCH}
    built = build(knobs, instance, ALL)
    eleven = YEAR - {MARCH}
    assert built.red == {"raw": {MARCH}}
    assert built.parts == {"raw": eleven, "mart": eleven, "dim": WHOLE, "aside": WHOLE}
    assert built.left == {"mart": {MARCH}, "model": WHOLE}
    march = dg.AssetKey("mart")
    assert MARCH not in instance.get_materialized_partitions(march)
    assert sorted(knobs.built) == sorted(set(knobs.built)), "nothing is built twice"


def test_repairing_march_builds_only_march(
    knobs: Knobs, instance: dg.DagsterInstance
) -> None:
    knobs.red["raw"] = {MARCH}
    first = build(knobs, instance, ALL)
    knobs.red.clear()
    march: frozenset[Part] = frozenset({MARCH})
    built = build(knobs, instance, {"raw": march, **first.left})
    assert built.parts == {"raw": march, "mart": march, "model": WHOLE}
    assert sorted(knobs.built) == [("mart", MARCH), ("model", ""), ("raw", MARCH)]


def test_a_red_mart_keeps_back_the_whole_that_reads_it(
    knobs: Knobs, instance: dg.DagsterInstance
) -> None:
    knobs.red["mart"] = {MARCH}
    built = build(knobs, instance, ALL)
    assert built.red == {"mart": {MARCH}}
    assert built.left == {"model": WHOLE}


def test_an_error_keeps_back_what_reads_the_asset_but_not_the_rest(
    knobs: Knobs, instance: dg.DagsterInstance
) -> None:
    knobs.failing = {"mart"}
    built = build(knobs, instance, ALL)
    assert built.failed == {"mart": "RuntimeError: mart is broken"}
    assert built.parts == {"raw": YEAR, "dim": WHOLE, "aside": WHOLE}
    assert built.left == {"model": WHOLE}


def test_a_broken_step_of_checks_is_told_and_keeps_back_what_reads_the_asset(
    knobs: Knobs, instance: dg.DagsterInstance
) -> None:
    knobs.failing = {"checks_of_mart"}
    built = build(knobs, instance, ALL)
    why = "RuntimeError: checks_of_mart is broken"
    assert built.unjudged == (
        CheckError("checks_of_mart", why, {"mart": YEAR}, blocks=True),
    )
    assert built.parts == {"raw": YEAR, "mart": YEAR, "dim": WHOLE, "aside": WHOLE}
    assert built.left == {"model": WHOLE}
    (log,) = built.logs
    assert "checks_of_mart" in log.read_text()
    assert "raise RuntimeError" in log.read_text()


def test_a_broken_step_of_checks_that_do_not_block_is_told_and_blocks_nothing(
    knobs: Knobs, instance: dg.DagsterInstance
) -> None:
    knobs.failing = {"hints_on_mart"}
    built = build(knobs, instance, ALL)
    assert [(one.step, one.blocks) for one in built.unjudged] == [
        ("hints_on_mart", False)
    ]
    assert (built.parts, built.left) == (ALL, {})


def test_an_error_after_everything_was_built_is_told(
    knobs: Knobs, instance: dg.DagsterInstance
) -> None:
    knobs.failing = {"after raw"}
    built = build(knobs, instance, ALL)
    assert built.failed == {"raw": "RuntimeError: raw broke at its end"}
    assert built.left == {"mart": YEAR, "model": WHOLE}


def test_a_run_that_fails_before_its_first_step_failed_all_its_assets(
    knobs: Knobs, instance: dg.DagsterInstance
) -> None:
    @dg.resource
    def broken(_context: dg.InitResourceContext) -> None:
        raise RuntimeError("no such server")

    @dg.asset(required_resource_keys={"server"})
    def reader() -> None: ...

    @dg.asset(deps=[reader])
    def after() -> None: ...

    defs = dg.Definitions([reader, after], resources={"server": broken})
    builder = Builder(defs, instance, knobs.store, lambda _event: None)
    built = builder.build({"reader": WHOLE, "after": WHOLE})
    assert built.parts == {}
    assert built.failed.keys() == {"reader", "after"}
    assert "no such server" in built.failed["reader"]
    (log,) = built.logs
    assert "no such server" in log.read_text()


def test_an_old_red_verdict_keeps_back_a_later_build_of_what_reads_it(
    knobs: Knobs, instance: dg.DagsterInstance
) -> None:
    knobs.red["raw"] = {MARCH}
    build(knobs, instance, {"raw": YEAR, "dim": WHOLE})
    built = build(knobs, instance, {"mart": YEAR})
    assert built.parts == {"mart": YEAR - {MARCH}}
    assert built.left == {"mart": {MARCH}}


def test_every_event_is_handed_on_once(
    knobs: Knobs, instance: dg.DagsterInstance
) -> None:
    seen: list[RunEvent] = []
    Builder(definitions(knobs), instance, knobs.store, seen.append).build(ALL)
    materialized = [event for event in seen if isinstance(event, Materialized)]
    assert len(materialized) == len(set(materialized)) == 2 * 12 + 3
    assert len([event for event in seen if isinstance(event, StepEnded)]) == 7
