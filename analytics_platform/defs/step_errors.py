"""Reads which steps of a run ended in an error, and what they left undone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from dagster import DagsterEventType

from analytics_platform.core.gate import Part
from analytics_platform.defs.graph import asset_graph
from analytics_platform.defs.partition_results import RED

if TYPE_CHECKING:
    from dagster_shared.error import SerializableErrorInfo

Parts = Mapping[str, frozenset[Part]]


@dataclass(frozen=True)
class CheckError:
    """A step of checks that ended in an error, so what it was to judge is unknown.

    `parts` are those of the judged assets that the run built. `blocks`: one of the
    checks is blocking, so nothing may be built from them.
    """

    step: str
    why: str
    parts: Parts
    blocks: bool


@dataclass(frozen=True)
class _Judging:
    assets: frozenset[str]
    blocks: bool


def failed_assets(
    definitions: dg.Definitions, errors: Mapping[str, str], built: Parts
) -> dict[str, str]:
    """Why, by asset, of what the steps in error did not build.

    A step that ended in an error after it had built all of its assets failed them all:
    nobody knows what it left undone.
    """
    failed = {}
    for step, assets in _building(definitions).items():
        if step in errors:
            for asset in assets - built.keys() or assets:
                failed[asset] = errors[step]
    return failed


def check_errors(
    definitions: dg.Definitions, errors: Mapping[str, str], built: Parts
) -> tuple[CheckError, ...]:
    """The steps in error that build nothing and only judge, by name."""
    whole: frozenset[Part] = frozenset({None})
    return tuple(
        CheckError(
            step=step,
            why=errors[step],
            parts={name: built.get(name, whole) for name in sorted(one.assets)},
            blocks=one.blocks,
        )
        for step, one in sorted(_judging(definitions).items())
        if step in errors
    )


def step_errors(instance: dg.DagsterInstance, run_id: str) -> dict[str, str]:
    """Why each step failed that did; those that only report something red did not."""
    errors = {}
    for event in _failures(instance, run_id):
        error = failure_reason(event)
        if error is not None:
            errors[str(event.step_key)] = error
    return errors


def run_error(instance: dg.DagsterInstance, run_id: str) -> str | None:
    """Why a run failed before any of its steps did; None if it did not."""
    if any(_failures(instance, run_id)):
        return None
    failed = _run_failure(instance, run_id)
    if failed is None:
        return None
    return _cause(failed.job_failure_data.error) or failed.message or "failed"


def failure_reason(event: dg.DagsterEvent) -> str | None:
    """Why a step failed; None when it only reported red partitions."""
    failure = event.step_failure_data
    told = failure.user_failure_data
    if told and RED in told.metadata:
        return None
    if told and told.description:
        return told.description
    return _cause(failure.error) or "failed"


def write_tracebacks(instance: dg.DagsterInstance, run_id: str) -> Path:
    """Write the tracebacks of a run's failed steps beside its other files."""
    texts = [
        f"{event.step_key}\n\n{event.step_failure_data.error}\n"
        for event in _failures(instance, run_id)
        if failure_reason(event) is not None
    ]
    failed = _run_failure(instance, run_id)
    if not texts and failed:
        texts = [f"{failed.job_failure_data.error}\n"]
    target = Path(instance.root_directory) / run_id / "errors.txt"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join(texts))
    return target


def _cause(error: "SerializableErrorInfo | None") -> str | None:
    """The message of the error at the root of an error."""
    while error and error.cause:
        error = error.cause
    return error.message.strip() if error else None


def _run_failure(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterEvent | None:
    for entry in instance.all_logs(run_id, of_type=DagsterEventType.RUN_FAILURE):
        return entry.dagster_event
    return None


def _failures(instance: dg.DagsterInstance, run_id: str) -> Iterator[dg.DagsterEvent]:
    for entry in instance.all_logs(run_id, of_type=DagsterEventType.STEP_FAILURE):
        if entry.dagster_event:
            yield entry.dagster_event


def _building(definitions: dg.Definitions) -> dict[str, set[str]]:
    """The assets that each step builds."""
    graph = asset_graph(definitions)
    steps: dict[str, set[str]] = {}
    for key in graph.materializable_asset_keys:
        step = graph.get(key).assets_def.node_def.name
        steps.setdefault(step, set()).add(key.to_user_string())
    return steps


def _judging(definitions: dg.Definitions) -> dict[str, _Judging]:
    """What each step judges that builds nothing."""
    graph = asset_graph(definitions)
    steps: dict[str, _Judging] = {}
    for key in graph.asset_check_keys:
        definition = graph.assets_def_for_key(key)
        if definition.keys:
            continue
        step = definition.node_def.name
        before = steps.get(step, _Judging(frozenset(), blocks=False))
        steps[step] = _Judging(
            before.assets | {key.asset_key.to_user_string()},
            before.blocks or graph.get(key).blocking,
        )
    return steps
