"""Builds what is wanted in as few runs as the gate allows, and says what became of it.

A run in which a blocking check is red builds the good partitions of that asset and
skips what comes after; further runs then build the rest of what may be built.
"""

import os
import signal
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from dagster import DagsterEventType, DagsterRunStatus

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.contracts.domain import Severity
from analytics_platform.contracts.records import Verdict
from analytics_platform.core.gate import Graph, Part, buildable, in_force
from analytics_platform.core.run_plan import Parts, PlannedRun, next_runs, without
from analytics_platform.defs.dead_runs import owner_tags
from analytics_platform.defs.event_storage import swift_events
from analytics_platform.defs.gate import KEPT_BACK
from analytics_platform.defs.graph import asset_graph, asset_key, neutral_graph
from analytics_platform.defs.run_events import (
    INTERRUPTED,
    RunEvent,
    StepFailed,
    run_event,
)
from analytics_platform.defs.step_errors import (
    CheckError,
    check_errors,
    failed_assets,
    run_error,
    step_errors,
    write_tracebacks,
)

_POLL_SECONDS = 0.3
_FIRST_TAG = "dagster/asset_partition_range_start"
_LAST_TAG = "dagster/asset_partition_range_end"
_PARTITION_TAG = "dagster/partition"

OnEvent = Callable[[RunEvent], None]


@dataclass(frozen=True)
class Built:
    """What runs did with the wanted parts.

    `parts` were materialized, `red` judged red by a blocking check, `failed` ended in
    an error (the reason by asset), `left` was not tried: kept back or skipped.
    `unjudged` are the steps of checks that ended in an error, `logs` the files with
    the tracebacks of all errors.
    """

    run_ids: tuple[str, ...] = ()
    parts: Mapping[str, frozenset[Part]] = field(default_factory=dict)
    red: Mapping[str, frozenset[Part]] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    left: Mapping[str, frozenset[Part]] = field(default_factory=dict)
    unjudged: tuple[CheckError, ...] = ()
    logs: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Builder:
    """Executes runs in this process, on an instance that other processes share."""

    definitions: dg.Definitions
    instance: dg.DagsterInstance
    store: ControlStore
    on_event: OnEvent

    def build(self, wanted: Parts) -> Built:
        """Build the wanted parts of assets, in order, leaving out what is unfit."""
        graph = neutral_graph(asset_graph(self.definitions))
        remaining, built = without(wanted, {}), Built()
        while runs := self._plan(graph, remaining, built):
            for run in runs:
                done = self._execute(run)
                if was_interrupted(self.instance, done.run_ids[0]):
                    raise KeyboardInterrupt
                remaining = without(remaining, _tried(graph, run, done))
                built = _joined(built, done)
        return replace(built, left=remaining)

    def _plan(self, graph: Graph, remaining: Parts, built: Built) -> list[PlannedRun]:
        verdicts = [
            *in_force(self.store.verdicts.latest(), remaining),
            *(_unknown(asset, None) for asset in built.failed),
            *_unjudged(built),
        ]
        return next_runs(graph, remaining, buildable(graph, verdicts, remaining))

    def _execute(self, run: PlannedRun) -> Built:
        run_id = str(uuid.uuid4())
        job = self.definitions.resolve_implicit_global_asset_job_def()
        storage = Path(self.instance.root_directory)
        with (
            swift_events(storage),
            _followed(self.instance, run_id, self.on_event),
        ):
            job.execute_in_process(
                instance=self.instance,
                asset_selection=[asset_key(name) for name in sorted(run.assets)],
                tags={**planned_tags(run), **owner_tags(os.getpid())},
                run_id=run_id,
                raise_on_error=False,
            )
        done = outcome(self.definitions, self.instance, self.store, run_id)
        error = run_error(self.instance, run_id)
        if error is not None:
            done = replace(done, failed=dict.fromkeys(run.assets, error))
        if not (done.failed or done.unjudged):
            return done
        return replace(done, logs=(write_tracebacks(self.instance, run_id),))


def outcome(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    store: ControlStore,
    run_id: str,
) -> Built:
    """What one run materialized, found red, or failed to build or to judge."""
    done = outcome_of_events(instance, store, run_id)
    errors = step_errors(instance, run_id)
    return replace(
        done,
        failed=failed_assets(definitions, errors, {**done.parts, **done.red}),
        unjudged=check_errors(definitions, errors, done.parts),
    )


def outcome_of_events(
    instance: dg.DagsterInstance, store: ControlStore, run_id: str
) -> Built:
    """What one run materialized and found red, by its events and verdicts."""
    parts: dict[str, set[Part]] = {}
    for entry in instance.all_logs(
        run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION
    ):
        event = entry.dagster_event
        if event and event.asset_key:
            name = event.asset_key.to_user_string()
            parts.setdefault(name, set()).add(event.partition)
    red: dict[str, set[Part]] = {}
    for verdict in store.verdicts.latest():
        if verdict.run_id == run_id and verdict.blocks:
            red.setdefault(verdict.asset, set()).add(verdict.partition)
    return Built(
        run_ids=(run_id,),
        parts={asset: frozenset(keys) for asset, keys in parts.items()},
        red={asset: frozenset(keys) for asset, keys in red.items()},
    )


def was_interrupted(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether somebody ended the run: Ctrl-C, or a request to terminate."""
    run = instance.get_run_by_id(run_id)
    if run is None or run.status is DagsterRunStatus.CANCELED:
        return True
    return any(INTERRUPTED in error for error in step_errors(instance, run_id).values())


def was_kept_back(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether a step of the run refused to read something red."""
    for entry in instance.all_logs(run_id, of_type=DagsterEventType.STEP_FAILURE):
        if entry.dagster_event:
            told = entry.dagster_event.step_failure_data.user_failure_data
            if told and KEPT_BACK in told.metadata:
                return True
    return False


def run_parts(graph: Graph, run: dg.DagsterRun) -> dict[str, frozenset[Part]]:
    """What a run was to build, by its asset selection and its partition tags."""
    single = run.tags.get(_PARTITION_TAG)
    planned = PlannedRun(
        frozenset(key.to_user_string() for key in run.asset_selection or ()),
        run.tags.get(_FIRST_TAG, single),
        run.tags.get(_LAST_TAG, single),
    )
    return planned.parts(graph)


def range_tags(first: str, last: str) -> dict[str, str]:
    """The tags that make a run build a range of partitions."""
    return {_FIRST_TAG: first, _LAST_TAG: last}


def planned_tags(run: PlannedRun) -> dict[str, str]:
    """The tags that make Dagster build the range of a planned run."""
    if run.first is None or run.last is None:
        return {}
    return range_tags(run.first, run.last)


def _tried(graph: Graph, run: PlannedRun, done: Built) -> dict[str, frozenset[Part]]:
    """The parts that need no further run; all of them if the run did nothing."""
    planned = run.parts(graph)
    nothing: frozenset[Part] = frozenset()
    tried = {
        asset: parts
        if asset in done.failed
        else done.parts.get(asset, nothing) | done.red.get(asset, nothing)
        for asset, parts in planned.items()
    }
    return tried if any(tried.values()) else planned


def _joined(one: Built, other: Built) -> Built:
    return Built(
        run_ids=one.run_ids + other.run_ids,
        parts=_united(one.parts, other.parts),
        red=_united(one.red, other.red),
        failed={**one.failed, **other.failed},
        unjudged=one.unjudged + other.unjudged,
        logs=one.logs + other.logs,
    )


def _united(
    one: Mapping[str, frozenset[Part]], other: Mapping[str, frozenset[Part]]
) -> dict[str, frozenset[Part]]:
    nothing: frozenset[Part] = frozenset()
    return {
        asset: one.get(asset, nothing) | other.get(asset, nothing)
        for asset in {**one, **other}
    }


def _unjudged(built: Built) -> Iterator[Verdict]:
    """What nobody could judge is not known to be good."""
    for error in built.unjudged:
        if error.blocks:
            for asset, parts in error.parts.items():
                yield from (_unknown(asset, part) for part in parts)


def _unknown(asset: str, part: Part) -> Verdict:
    """An error keeps back what reads the asset, as a red blocking check does."""
    return Verdict(
        asset=asset,
        partition=part,
        check="materialized",
        passed=False,
        severity=Severity.ERROR,
        blocking=True,
        failing_rows=0,
        total_rows=0,
        run_id="",
        evaluated_at=datetime.now(UTC),
    )


@contextmanager
def _followed(
    instance: dg.DagsterInstance, run_id: str, on_event: OnEvent
) -> Iterator[None]:
    """Hand every event of the run to `on_event`, from a thread, as it is stored.

    Of a run that is interrupted every step is, not only the one at work.
    """
    ended = threading.Event()
    thread = threading.Thread(
        target=_follow, args=(instance, run_id, on_event, ended), daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _follow(
    instance: dg.DagsterInstance,
    run_id: str,
    on_event: OnEvent,
    ended: threading.Event,
) -> None:
    cursor = None
    last_look = interrupted = False
    main_thread = threading.main_thread().ident or 0
    while not last_look:
        last_look = ended.wait(_POLL_SECONDS)
        page = instance.get_records_for_run(run_id, cursor)
        cursor = page.cursor
        for record in page.records:
            event = run_event(record.event_log_entry)
            if event is not None:
                on_event(event)
            if isinstance(event, StepFailed):
                interrupted = interrupted or event.is_interruption
        if interrupted and not last_look:
            # Dagster takes one for an error of the step at work, and goes on.
            signal.pthread_kill(main_thread, signal.SIGINT)
