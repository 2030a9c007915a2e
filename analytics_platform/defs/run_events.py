"""What happens in a run, told without Dagster's classes."""

from dataclasses import dataclass

from dagster import (
    AssetMaterialization,
    DagsterEvent,
    DagsterEventType,
    EventLogEntry,
)

from analytics_platform.defs.step_errors import failure_reason


@dataclass(frozen=True)
class StepStarted:
    """A step began."""

    step: str


@dataclass(frozen=True)
class StepEnded:
    """A step ended well after `seconds`."""

    step: str
    seconds: float


@dataclass(frozen=True)
class StepFailed:
    """A step ended in an error; one that only found something red did not."""

    step: str
    why: str

    @property
    def is_interruption(self) -> bool:
        """Whether somebody interrupted it."""
        return INTERRUPTED in self.why


@dataclass(frozen=True)
class Materialized:
    """A part of an asset was built; rows and seconds where the step told them."""

    step: str
    asset: str
    partition: str | None
    rows: int | None
    seconds: float | None


@dataclass(frozen=True)
class Checked:
    """A check was evaluated; `outcome` is passed, warn or error."""

    asset: str
    check: str
    outcome: str


# The name of the error under which Dagster writes down Ctrl-C.
INTERRUPTED = "DagsterExecutionInterruptedError"

RunEvent = StepStarted | StepEnded | StepFailed | Materialized | Checked


def run_event(entry: EventLogEntry) -> RunEvent | None:
    """The event that an entry of the log tells, if it is one of these."""
    event = entry.dagster_event
    return _of_step(str(event.step_key), event) if event else None


def _of_step(step: str, event: DagsterEvent) -> RunEvent | None:
    if event.event_type is DagsterEventType.STEP_START:
        return StepStarted(step)
    if event.event_type is DagsterEventType.STEP_SUCCESS:
        return StepEnded(step, event.step_success_data.duration_ms / 1000)
    if event.event_type is DagsterEventType.STEP_FAILURE:
        why = failure_reason(event)
        return None if why is None else StepFailed(step, why)
    if event.event_type is DagsterEventType.ASSET_MATERIALIZATION:
        made = event.step_materialization_data.materialization
        return _materialized(step, made)
    if event.event_type is DagsterEventType.ASSET_CHECK_EVALUATION:
        return _checked(event)
    return None


def _materialized(step: str, made: AssetMaterialization) -> Materialized:
    rows = _number(made, "dagster/partition_row_count")
    if rows is None:
        rows = _number(made, "dagster/row_count")
    return Materialized(
        step=step,
        asset=made.asset_key.to_user_string(),
        partition=made.partition,
        rows=None if rows is None else int(rows),
        seconds=_number(made, "seconds"),
    )


def _checked(event: DagsterEvent) -> Checked:
    found = event.asset_check_evaluation_data
    outcome = "passed" if found.passed else found.severity.value.lower()
    return Checked(found.asset_key.to_user_string(), found.check_name, outcome)


def _number(made: AssetMaterialization, name: str) -> float | None:
    entry = made.metadata.get(name)
    value = entry.value if entry is not None else None
    return value if isinstance(value, int | float) else None
