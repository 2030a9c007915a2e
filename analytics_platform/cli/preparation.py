"""Does ahead, in a process of its own, what the first command in a home waits for."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from analytics_platform.settings import Settings, load_settings

_WATCH_SECONDS = 0.5
_END_SECONDS = 10.0


@contextmanager
def prepared_ahead(settings: Settings) -> Iterator[None]:
    """In a new home, let dbt's project, Dagster's and MLflow's tables be made.

    Whoever needs one waits for the lock under which it is made, or makes it: the
    process saves time and nothing depends on it. Meanwhile the libraries that the
    first load needs are imported here.
    """
    if (settings.home / "dbt").exists():
        yield
        return
    process = subprocess.Popen(  # noqa: S603 - this very module
        [sys.executable, "-m", __name__],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _import_first_libraries()
        yield
    finally:
        process.terminate()
        process.wait(_END_SECONDS)


def _import_first_libraries() -> None:
    from analytics_platform.adapters import expectations, stage

    stage.warm_up()
    expectations.warm_up()


def _prepare() -> None:
    from analytics_platform.adapters.mlflow_tracking import MlflowTracking
    from analytics_platform.defs.instance import open_instance
    from analytics_platform.resources import open_resources

    settings = load_settings()
    open_resources(settings).dbt.manifest()
    with open_instance():
        pass  # its tables are made when it is opened
    MlflowTracking(settings).create()


def _end_with(parent: int) -> None:
    """End this process once its parent is gone."""
    while os.getppid() == parent:
        time.sleep(_WATCH_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    _prepare()
