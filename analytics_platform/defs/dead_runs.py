"""Finds runs whose process is gone, marks them failed and frees what they held."""

import socket
from datetime import UTC, datetime

import dagster as dg
from dagster import DagsterEventType, DagsterRunStatus, RunsFilter

from analytics_platform.adapters.processes import identify
from analytics_platform.observability import get_logger

log = get_logger(__name__)

_ACTIVE = [
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.CANCELING,
]
HOST_TAG = "analytics/host"
PID_TAG = "analytics/pid"
PID_STARTED_TAG = "analytics/pid_started"
_RETRIES_TAG = "dagster/max_retries"
_TOLERANCE_SECONDS = 0.05


def owner_tags(pid: int) -> dict[str, str]:
    """Tags that say which process of this machine executes a run.

    Killed, it is not repeated by Dagster's daemon: whoever started it can.
    """
    process = identify(pid)
    started = process.started if process else 0.0
    return {
        HOST_TAG: socket.gethostname(),
        PID_TAG: str(pid),
        PID_STARTED_TAG: repr(started),
        _RETRIES_TAG: "0",
    }


def mend_dead_runs(
    instance: dg.DagsterInstance, *, launcher_ended: bool = False
) -> list[str]:
    """Mark failed every active run of this machine whose process is gone.

    Frees the pool slots they hold. Gives the ids of the runs that were mended. A run
    whose process is not known yet is left to Dagster's own run monitoring, unless
    what was to launch it has ended.
    """
    mended = []
    for run in instance.get_runs(RunsFilter(statuses=_ACTIVE)):
        if _is_dead(instance, run, unknown=launcher_ended):
            # First: killed in between, the run is still found.
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            instance.report_run_failed(
                run, "The process of this run ended without reporting: killed?"
            )
            log.warning("dead_run_mended", run_id=run.run_id, job=run.job_name)
            mended.append(run.run_id)
    return mended


def _is_dead(
    instance: dg.DagsterInstance, run: dg.DagsterRun, *, unknown: bool
) -> bool:
    if PID_TAG in run.tags:
        if run.tags.get(HOST_TAG) != socket.gethostname():
            return False
        now = identify(int(run.tags[PID_TAG]))
        started = float(run.tags[PID_STARTED_TAG])
        return now is None or abs(now.started - started) > _TOLERANCE_SECONDS
    if run.status is DagsterRunStatus.NOT_STARTED:  # somebody may start it yet
        return False
    told = _told_process(instance, run)
    if told is None:
        return unknown
    pid, at = told
    now = identify(pid)
    # A process that began after the event was written only inherited the id.
    return now is None or now.started > at.timestamp() + _TOLERANCE_SECONDS


def _told_process(
    instance: dg.DagsterInstance, run: dg.DagsterRun
) -> tuple[int, datetime] | None:
    """The process id that Dagster itself wrote last, and when."""
    found = None
    for record in instance.all_logs(run.run_id, of_type=DagsterEventType.ENGINE_EVENT):
        event = record.dagster_event
        pid = event.engine_event_data.metadata.get("pid") if event else None
        if pid is not None:
            at = datetime.fromtimestamp(record.timestamp, UTC)
            found = int(str(pid.value)), at
    return found
