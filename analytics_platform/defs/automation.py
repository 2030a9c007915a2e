"""What happens by itself: increments and training on the clock, repair, follow-ups."""

from collections.abc import Iterator
from datetime import date

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.clock import Clock
from analytics_platform.contracts.domain import Domain
from analytics_platform.core.calendar import increment_keys, iso_week, local_day
from analytics_platform.core.gate import buildable, in_force
from analytics_platform.core.run_plan import next_runs, without
from analytics_platform.defs.dead_runs import PID_TAG, mend_dead_runs
from analytics_platform.defs.graph import asset_key, neutral_graph
from analytics_platform.defs.policy import SCHEDULED_GROUPS
from analytics_platform.defs.runs import (
    outcome_of_events,
    planned_tags,
    range_tags,
    run_parts,
    was_kept_back,
)
from analytics_platform.observability import get_logger

log = get_logger(__name__)

INCREMENT_JOB = "daily_increment"
TRAINING_JOB = "weekly_training"
_UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]
_TICK_SECONDS = 10
_RUNNING = dg.DefaultSensorStatus.RUNNING
FOLLOWS_TAG = "analytics/follows"
# The daemon repeats a run whose process was killed (dagster.yaml, run_retries): whole,
# because what a step has written and what is recorded of it may differ.
_IF_KILLED = {"dagster/retry_strategy": "ALL_STEPS"}


def build(domain: Domain) -> dg.Definitions:
    """The jobs and sensors that carry new data from the sources to the reports."""
    increment = dg.define_asset_job(
        INCREMENT_JOB,
        # In one run, so that nothing is built from a half of the new day.
        dg.AssetSelection.all() - dg.AssetSelection.groups(*SCHEDULED_GROUPS),
        description="From the sources to the reports, all but training.",
        tags=_IF_KILLED,
    )
    training = dg.define_asset_job(
        TRAINING_JOB,
        dg.AssetSelection.groups(*SCHEDULED_GROUPS),
        description="Train challengers on all that is known by now.",
        tags=_IF_KILLED,
    )
    return dg.Definitions(
        jobs=[increment, training],
        sensors=[
            _increment_sensor(domain, increment),
            _training_sensor(domain, training),
            _follow_up_sensor(),
            _failure_sensor(),
            _repair_sensor(),
            dg.AutomationConditionSensorDefinition(
                "automation",
                target=dg.AssetSelection.all(),
                minimum_interval_seconds=_TICK_SECONDS,
                default_status=_RUNNING,
                run_tags=_IF_KILLED,
                description="Builds what reads something that was built anew.",
            ),
        ],
    )


def _increment_sensor(
    domain: Domain, job: "dg.UnresolvedAssetJobDefinition"
) -> dg.SensorDefinition:
    @dg.sensor(
        name=INCREMENT_JOB,
        job=job,
        minimum_interval_seconds=_TICK_SECONDS,
        default_status=_RUNNING,
        description="On each new day of the platform's clock, build the day before.",
    )
    def daily_increment(
        context: dg.SensorEvaluationContext, clock: dg.ResourceParam[Clock]
    ) -> dg.SensorResult | dg.SkipReason:
        today = local_day(clock.now(), domain.timezone)
        if not context.cursor:  # history was loaded up to today
            return dg.SensorResult(
                skip_reason=f"{today} begins.", cursor=today.isoformat()
            )
        since = date.fromisoformat(context.cursor)
        keys = increment_keys(domain.partitions, since=since, today=today)
        if not keys:
            return dg.SkipReason(f"No day has ended since the increment of {since}.")
        if context.instance.get_runs(
            RunsFilter(job_name=INCREMENT_JOB, statuses=_UNFINISHED), limit=1
        ):
            return dg.SkipReason("The last increment still runs.")
        request = dg.RunRequest(
            run_key=f"day-{today}",
            tags={**range_tags(keys[0], keys[-1]), "analytics/day": today.isoformat()},
        )
        return dg.SensorResult([request], cursor=today.isoformat())

    return daily_increment


def _training_sensor(
    domain: Domain, job: "dg.UnresolvedAssetJobDefinition"
) -> dg.SensorDefinition:
    @dg.sensor(
        name=TRAINING_JOB,
        job=job,
        minimum_interval_seconds=_TICK_SECONDS,
        default_status=_RUNNING,
        description="On each Monday of the platform's clock, train challengers.",
    )
    def weekly_training(
        context: dg.SensorEvaluationContext, clock: dg.ResourceParam[Clock]
    ) -> dg.SensorResult | dg.SkipReason:
        week = iso_week(local_day(clock.now(), domain.timezone))
        if context.cursor is None:  # what `up` trained serves the week it starts in
            return dg.SensorResult(skip_reason=f"{week} begins.", cursor=week)
        if context.cursor == week:
            return dg.SkipReason(f"{week} was trained for.")
        if context.instance.get_runs(
            RunsFilter(job_name=TRAINING_JOB, statuses=_UNFINISHED), limit=1
        ):
            return dg.SkipReason("The last training still runs.")
        return dg.SensorResult([dg.RunRequest(run_key=week)], cursor=week)

    return weekly_training


def _follow_up_sensor() -> dg.SensorDefinition:
    @dg.run_failure_sensor(
        name="build_the_good_partitions",
        minimum_interval_seconds=_TICK_SECONDS,
        default_status=_RUNNING,
        description="After red partitions, builds what reads the good ones.",
    )
    def build_the_good_partitions(
        context: dg.RunFailureSensorContext, store: dg.ResourceParam[ControlStore]
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        yield from _follow_ups(context, store)

    return build_the_good_partitions


def _follow_ups(
    context: dg.RunFailureSensorContext, store: ControlStore
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    run, repository = context.dagster_run, context.repository_def
    if repository is None:
        yield dg.SkipReason("The code location is not loaded.")
        return
    done = outcome_of_events(context.instance, store, run.run_id)
    if PID_TAG in run.tags:
        yield dg.SkipReason("`analytics materialize` plans its own follow-ups.")
        return
    if not (done.red or was_kept_back(context.instance, run.run_id)):
        yield dg.SkipReason("No partition of this run is red.")
        return
    graph = neutral_graph(repository.asset_graph)
    left = without(without(run_parts(graph, run), done.parts), done.red)
    allowed = buildable(graph, in_force(store.verdicts.latest(), left), left)
    for planned in next_runs(graph, left, allowed):
        yield dg.RunRequest(
            run_key=f"{run.run_id}:{planned.first}",
            asset_selection=[asset_key(name) for name in sorted(planned.assets)],
            tags={FOLLOWS_TAG: run.run_id, **_IF_KILLED, **planned_tags(planned)},
        )


def _failure_sensor() -> dg.SensorDefinition:
    @dg.run_failure_sensor(
        name="run_failures_to_outbox",
        minimum_interval_seconds=_TICK_SECONDS,
        default_status=_RUNNING,
        description="Each failed run becomes one event in the outbox.",
    )
    def run_failures_to_outbox(
        context: dg.RunFailureSensorContext,
        store: dg.ResourceParam[ControlStore],
        clock: dg.ResourceParam[Clock],
    ) -> None:
        run = context.dagster_run
        payload: dict[str, object] = {
            "run_id": run.run_id,
            "job": run.job_name,
            "error": context.failure_event.message,
            "tags": dict(run.tags),
        }
        store.outbox.add("run_failed", f"run_failed:{run.run_id}", payload, clock.now())
        log.warning("run_failed", run_id=run.run_id, job=run.job_name)

    return run_failures_to_outbox


def _repair_sensor() -> dg.SensorDefinition:
    @dg.sensor(
        name="mend_dead_runs",
        minimum_interval_seconds=_TICK_SECONDS,
        default_status=_RUNNING,
        asset_selection=dg.AssetSelection.all(),
        description="Marks failed what a killed process left running, frees its slots.",
    )
    def mend(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        mended = mend_dead_runs(context.instance)
        return dg.SkipReason(f"Mended {len(mended)} runs.")

    return mend
