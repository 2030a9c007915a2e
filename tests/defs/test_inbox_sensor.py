"""The inbox sensor: it asks for every new content, and for none twice."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from analytics_platform.defs.inbox_sensor import INBOX_TAG
from tests.support.ingestion import Shop, dropped, open_shop, orders
from tests.support.ingestion_definitions import definitions, resources

HEADER = "id,customer,amount,ordered_at\n"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.syspath_prepend(str(tmp_path / "distribution"))
    shop = open_shop(tmp_path / "home", orders(), dropped())
    shop.offer([(1, "Ann", 1, "2013-01-05")])
    return shop


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


def look(shop: Shop, instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    found = definitions(shop)
    sensor = found.resolve_sensor_def("inbox_corrections")
    with dg.build_sensor_context(
        instance=instance, resources=resources(shop), definitions=found
    ) as context:
        return list(sensor.evaluate_tick(context).run_requests or ())


def ranges(requests: list[dg.RunRequest]) -> list[tuple[str | None, str | None]]:
    first, last = (
        "dagster/asset_partition_range_start",
        "dagster/asset_partition_range_end",
    )
    return [(request.tags.get(first), request.tags.get(last)) for request in requests]


def carry_out(shop: Shop, instance: dg.DagsterInstance, request: dg.RunRequest) -> None:
    job = definitions(shop).resolve_implicit_global_asset_job_def()
    job.execute_in_process(
        instance=instance,
        asset_selection=list(request.asset_selection or ()),
        tags=dict(request.tags),
    )


def drop(shop: Shop, name: str, text: str) -> None:
    (shop.inbox / name).write_text(HEADER + text)


def test_nothing_new_asks_for_nothing(shop: Shop, instance: dg.DagsterInstance) -> None:
    assert look(shop, instance) == []


def test_a_file_asks_for_its_partitions_until_it_is_loaded(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    drop(shop, "a.csv", "7,Ann,1,2013-02-05\n8,Ann,1,2013-03-05\n9,Ann,1,2013-05-05\n")
    requests = look(shop, instance)
    assert ranges(requests) == [
        ("2013-02-01", "2013-03-01"),
        ("2013-05-01", "2013-05-01"),
    ]
    assert {request.run_key for request in requests} == {None}
    assert look(shop, instance)  # nothing was started: it is asked for again
    for request in requests:
        carry_out(shop, instance, request)
    assert shop.ids() == [7, 8, 9]
    assert look(shop, instance) == []


def test_corrections_that_another_run_loaded_are_merged_too(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    """Such as the daily increment, which loads the open partition only."""
    drop(shop, "a.csv", "7,Ann,1,2013-02-05\n")
    shop.load(table="corrections")
    shop.load(["2013-01-01"])
    (request,) = look(shop, instance)
    assert ranges([request]) == [("2013-02-01", "2013-02-01")]
    carry_out(shop, instance, request)
    assert shop.ids() == [1, 7]
    assert look(shop, instance) == []


def test_partitions_that_have_not_begun_wait_for_their_own_load(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    drop(shop, "a.csv", "7,Ann,1,2013-09-05\n")
    (request,) = look(shop, instance)
    assert ranges([request]) == [(None, None)]
    carry_out(shop, instance, request)
    assert shop.ids("raw.corrections") == [7]


def test_a_broken_file_is_loaded_too_to_be_kept(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    (shop.inbox / "a.csv").write_text("")
    (request,) = look(shop, instance)
    carry_out(shop, instance, request)
    assert len(shop.store.quarantine.open()) == 1
    assert look(shop, instance) == []


def test_while_files_are_loaded_nothing_is_asked_for(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    drop(shop, "a.csv", "7,Ann,1,2013-02-05\n")
    run = _started(instance, {INBOX_TAG: "corrections"}, DagsterRunStatus.STARTED)
    assert look(shop, instance) == []
    instance.report_run_failed(run)  # such as one that was killed
    assert len(look(shop, instance)) == 1


def test_files_whose_load_failed_are_asked_for_again_later(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    drop(shop, "a.csv", "7,Ann,1,2013-02-05\n")
    (request,) = look(shop, instance)
    run = _started(instance, dict(request.tags), DagsterRunStatus.STARTED)
    instance.report_run_failed(run)
    assert look(shop, instance) == []  # not within ten seconds
    drop(shop, "b.csv", "8,Ann,1,2013-02-05\n")
    assert len(look(shop, instance)) == 1  # these are other files


def _started(
    instance: dg.DagsterInstance, tags: dict[str, str], status: DagsterRunStatus
) -> dg.DagsterRun:
    run = dg.DagsterRun(job_name="load", tags=tags, status=status)
    return instance.add_run(run)
