"""Says which process an MLflow run belongs to, and ends those of killed processes."""

import os
import socket
from typing import TYPE_CHECKING

from analytics_platform.adapters.processes import ProcessId, identify, is_alive
from analytics_platform.observability import get_logger

if TYPE_CHECKING:  # a code location loads this module and must not pay for these
    from mlflow import MlflowClient
    from mlflow.entities import Run

log = get_logger(__name__)

_HOST_TAG, _PID_TAG, _STARTED_TAG = "owner_host", "owner_pid", "owner_started"


def owner_tags() -> dict[str, str]:
    """Tags that say which process of which machine has opened a run."""
    process = identify(os.getpid())
    return {
        _HOST_TAG: socket.gethostname(),
        _PID_TAG: str(os.getpid()),
        _STARTED_TAG: repr(process.started if process else 0.0),
    }


def end_abandoned(client: "MlflowClient", experiment_id: str) -> list[str]:
    """Mark as killed what this machine's dead processes left running; gives the ids.

    A run of another machine, or one that does not say whose it is, is left alone.
    """
    running = client.search_runs([experiment_id], "attributes.status = 'RUNNING'")
    ended = []
    for run in running:
        if _is_abandoned(run):
            client.set_terminated(run.info.run_id, status="KILLED")
            log.warning("mlflow_run_ended", run_id=run.info.run_id, status="KILLED")
            ended.append(str(run.info.run_id))
    return ended


def _is_abandoned(run: "Run") -> bool:
    tags = run.data.tags
    if tags.get(_HOST_TAG) != socket.gethostname():
        return False
    owner = ProcessId(int(tags[_PID_TAG]), float(tags[_STARTED_TAG]))
    return not is_alive(owner)
