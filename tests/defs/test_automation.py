"""What happens by itself: each sensor evaluated by a real Dagster."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.control_store.migrations import migrate
from analytics_platform.clock import FixedClock
from analytics_platform.contracts.domain import Domain, Partitions, Replay, Spine
from analytics_platform.defs import automation
from analytics_platform.defs.runs import range_tags
from tests.support.graphs import KEYS, Knobs, definitions

# The sensor finds the assets' graph in the repository; the parameter is new in Dagster.
pytestmark = pytest.mark.filterwarnings("ignore:Parameter .repository_def. of")

MARCH = "2013-03-01"
DOMAIN = Domain(
    name="shop",
    title="Shop",
    description="Orders.",
    timezone="America/New_York",
    partitions=Partitions(grain="month", start=date(2013, 1, 1), end=date(2014, 1, 1)),
    replay=Replay(start=date(2013, 11, 1)),
    tables=(),
    published=(),
    feature_views=(),
    spine=Spine(source="orders", key=("id",), cutoff="ordered_at", columns=()),
    models=(),
    reports=(),
)


@pytest.fixture
def knobs(tmp_path: Path) -> Knobs:
    url = f"sqlite:///{tmp_path}/control.sqlite"
    migrate(url)
    return Knobs(ControlStore.open(url))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


def sensor(name: str) -> dg.SensorDefinition:
    every = automation.build(DOMAIN).sensors or ()
    (found,) = [one for one in every if one.name == name]
    assert isinstance(found, dg.SensorDefinition)
    return found


def tick(
    name: str,
    instance: dg.DagsterInstance,
    now: datetime,
    cursor: str | None = None,
) -> dg.SensorResult | dg.SkipReason:
    context = dg.build_sensor_context(
        instance=instance, cursor=cursor, resources={"clock": FixedClock(now)}
    )
    result = sensor(name)(context)
    assert isinstance(result, dg.SensorResult | dg.SkipReason)
    return result


def test_a_new_day_loads_the_open_month(instance: dg.DagsterInstance) -> None:
    now = datetime(2013, 11, 5, 12, tzinfo=UTC)
    result = tick("daily_increment", instance, now, cursor="2013-11-04")
    assert isinstance(result, dg.SensorResult)
    (request,) = result.run_requests or []
    assert request.tags.items() >= range_tags("2013-11-01", "2013-11-01").items()
    assert result.cursor == "2013-11-05"


def test_the_first_day_is_that_of_the_history(instance: dg.DagsterInstance) -> None:
    result = tick("daily_increment", instance, datetime(2013, 11, 1, 5, tzinfo=UTC))
    assert isinstance(result, dg.SensorResult)
    assert not result.run_requests
    assert result.cursor == "2013-11-01"


def test_the_day_is_that_of_the_domains_zone(instance: dg.DagsterInstance) -> None:
    # 03:00 UTC on the 6th is 22:00 on the 5th in New York.
    now = datetime(2013, 11, 6, 3, tzinfo=UTC)
    result = tick("daily_increment", instance, now, cursor="2013-11-05")
    assert isinstance(result, dg.SkipReason)


def test_an_unfinished_increment_is_waited_for(instance: dg.DagsterInstance) -> None:
    @dg.job(name=automation.INCREMENT_JOB)
    def job() -> None:
        return None

    instance.create_run_for_job(job, status=DagsterRunStatus.STARTED)
    now = datetime(2013, 11, 6, 12, tzinfo=UTC)
    result = tick("daily_increment", instance, now, cursor="2013-11-05")
    assert isinstance(result, dg.SkipReason)


def test_a_training_starts_with_the_week_but_not_at_the_start(
    instance: dg.DagsterInstance,
) -> None:
    friday = datetime(2013, 11, 1, 12, tzinfo=UTC)
    first = tick("weekly_training", instance, friday)
    assert isinstance(first, dg.SensorResult)
    assert not first.run_requests
    assert first.cursor == "2013-W44"
    monday = datetime(2013, 11, 4, 12, tzinfo=UTC)
    second = tick("weekly_training", instance, monday, first.cursor)
    assert isinstance(second, dg.SensorResult)
    assert len(second.run_requests or []) == 1


def failure_requests(
    knobs: Knobs, instance: dg.DagsterInstance, assets: list[str]
) -> list[dg.RunRequest]:
    """What the follow-up sensor asks for after a run of `assets` over the year."""
    definition = definitions(knobs)
    result = definition.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey(name) for name in assets],
        tags=range_tags(KEYS[0], KEYS[-1]),
        raise_on_error=False,
    )
    assert not result.success
    (event,) = [
        e for e in result.all_events if e.event_type_value == "PIPELINE_FAILURE"
    ]
    context = dg.build_run_status_sensor_context(
        sensor_name="build_the_good_partitions",
        dagster_event=event,
        dagster_instance=instance,
        dagster_run=result.dagster_run,
        repository_def=definition.get_repository_def(),
        resources={"store": knobs.store},
    ).for_run_failure()
    requests = sensor("build_the_good_partitions")(context)
    assert isinstance(requests, Iterable)
    return [one for one in requests if isinstance(one, dg.RunRequest)]


def test_after_a_red_march_the_good_months_are_asked_for(
    knobs: Knobs, instance: dg.DagsterInstance
) -> None:
    knobs.red["raw"] = {MARCH}
    requests = failure_requests(knobs, instance, ["raw", "mart"])
    ranges = [
        (
            request.tags["dagster/asset_partition_range_start"],
            request.tags["dagster/asset_partition_range_end"],
        )
        for request in requests
    ]
    assert ranges == [("2013-01-01", "2013-02-01"), ("2013-04-01", "2013-12-01")]
    assert {key for one in requests for key in one.asset_selection or ()} == {
        dg.AssetKey("mart")
    }


def test_a_run_that_was_kept_back_is_followed_by_its_good_months(
    knobs: Knobs, instance: dg.DagsterInstance
) -> None:
    knobs.red["raw"] = {MARCH}
    failure_requests(knobs, instance, ["raw"])
    assert len(failure_requests(knobs, instance, ["mart"])) == 2


def test_a_broken_asset_is_not_tried_again(
    knobs: Knobs, instance: dg.DagsterInstance
) -> None:
    knobs.failing = {"raw"}
    assert failure_requests(knobs, instance, ["raw", "mart"]) == []
