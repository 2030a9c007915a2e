"""Watches an inbox folder and has its files loaded: each once, none forgotten."""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.ingestion import Ingestion
from analytics_platform.adapters.warehouse import Warehouse
from analytics_platform.clock import Clock, WallClock
from analytics_platform.contracts.domain import Domain, TableSpec
from analytics_platform.core.calendar import begun_keys, local_day
from analytics_platform.core.inbox import DroppedFile, retry_wait
from analytics_platform.core.ingestion import MERGED
from analytics_platform.core.partitions import contiguous, key_of
from analytics_platform.defs.runs import range_tags
from analytics_platform.defs.source_columns import raw_key
from analytics_platform.settings import Settings

INBOX_TAG = "analytics/inbox"
WORK_TAG = "analytics/inbox_work"
_TICK_SECONDS = 10
_UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]
_FAILED = [DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]


def inbox_sensor(spec: TableSpec, domain: Domain) -> dg.SensorDefinition:
    """The sensor of one inbox table.

    The control store says which files are still to be loaded, and into which partitions
    loaded corrections are still to be merged, so a run that was killed or failed is
    simply requested again; Dagster's run keys, remembered for ever, are not used.
    """
    targets = [table for table in domain.tables if table.name == spec.merges_into]

    @dg.sensor(
        name=f"inbox_{spec.name}",
        asset_selection=dg.AssetSelection.assets(
            raw_key(spec), *(raw_key(table) for table in targets)
        ),
        minimum_interval_seconds=_TICK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Loads files that are dropped into the inbox of {spec.name}.",
    )
    def watch(
        context: dg.SensorEvaluationContext,
        settings: dg.ResourceParam[Settings],
        clock: dg.ResourceParam[Clock],
        warehouse: dg.ResourceParam[Warehouse],
        store: dg.ResourceParam[ControlStore],
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        ingestion = Ingestion(settings, domain, warehouse, store)
        yield from _look(context, ingestion, [spec, *targets], clock)

    return watch


def _look(
    context: dg.SensorEvaluationContext,
    ingestion: Ingestion,
    tables: Sequence[TableSpec],
    clock: Clock,
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """What is to be loaded now; `tables` are the inbox's and what it corrects."""
    domain, (spec, *targets) = ingestion.domain, tables
    now = WallClock().now()
    inbox = ingestion.inbox(spec, run_id="sensor", at=clock.now())
    files = inbox.folder.pending(now)
    today = local_day(clock.now(), domain.timezone)
    every = begun_keys(domain.partitions, today)
    unmerged = _unmerged(ingestion.store, targets) & set(every)
    work = _fingerprint(files, unmerged) if files or unmerged else None
    reason = _reason_to_wait(context.instance, spec, work, now)
    if reason:
        yield dg.SkipReason(reason)
        return
    if targets:
        unmerged |= {key_of(domain.partitions, day) for day in inbox.affected(files)}
    tags = {INBOX_TAG: spec.name, WORK_TAG: str(work)}
    yield from _requests(tables, tags, contiguous(unmerged, every))


def _unmerged(store: ControlStore, targets: Sequence[TableSpec]) -> set[str]:
    """Partitions into which corrections that were loaded have yet to be merged."""
    latest = store.verdicts.latest([raw_key(one).to_user_string() for one in targets])
    return {
        verdict.partition
        for verdict in latest
        if verdict.check == MERGED and not verdict.passed and verdict.partition
    }


def _requests(
    tables: Sequence[TableSpec],
    tags: Mapping[str, str],
    ranges: Sequence[tuple[str, str]],
) -> Iterator[dg.RunRequest]:
    """One run per range of partitions to be merged anew.

    Each loads the files first: the run that comes first does, the others find nothing
    left to load. Partitions that have not begun take the rows when they are loaded.
    """
    if not ranges:
        yield dg.RunRequest(asset_selection=[raw_key(tables[0])], tags=tags)
    for first, last in ranges:
        yield dg.RunRequest(
            asset_selection=[raw_key(table) for table in tables],
            tags={**tags, **range_tags(first, last)},
        )


def _reason_to_wait(
    instance: dg.DagsterInstance, spec: TableSpec, work: str | None, now: datetime
) -> str | None:
    if work is None:
        return "No new file is whole."
    running = RunsFilter(tags={INBOX_TAG: spec.name}, statuses=_UNFINISHED)
    if instance.get_runs(running, limit=1):
        return "Files are being loaded."
    same = {INBOX_TAG: spec.name, WORK_TAG: work}
    failed = instance.get_run_records(RunsFilter(tags=same, statuses=_FAILED), limit=10)
    if failed:
        again = failed[0].update_timestamp + retry_wait(len(failed))
        if now < again:
            return f"Loading these files failed {len(failed)} times; next at {again}."
    return None


def _fingerprint(files: Sequence[DroppedFile], unmerged: Collection[str]) -> str:
    """The same for the same files and contents, and the same partitions."""
    told = [f"{file.path} {file.sha256}" for file in files] + sorted(unmerged)
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]
