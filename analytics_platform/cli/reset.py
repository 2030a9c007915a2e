"""`analytics reset`: forget everything that was written at run time."""

import shutil
from typing import Annotated

import typer

from analytics_platform.adapters.platform_state import read_state
from analytics_platform.cli.environment import prepare
from analytics_platform.errors import InvalidUsage

# What the platform wrote; the inbox and its files are the user's own.
_WRITTEN = (
    *("artifacts", "control.sqlite", "control.sqlite-shm", "control.sqlite-wal"),
    *("cache", "clock.json", "clock.lock", "dagster", "dbt", "dlt", "kafka"),
    *("kernels", "logs", "mlflow", "quarantine", "replay", "run"),
    *("stream.sqlite", "stream.sqlite-shm", "stream.sqlite-wal"),
    *("warehouse.duckdb", "warehouse.duckdb.wal", "warehouse.lock"),
)


def reset(
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it; without, only say what would go.")
    ] = False,
) -> None:
    """Delete everything the platform wrote in its home, except the inbox."""
    settings = prepare()
    state = read_state(settings.home)
    if state and state.is_running:
        raise InvalidUsage("The platform is running.", hint="Run `make down` first.")
    found = [settings.home / name for name in _WRITTEN]
    found = [path for path in found if path.exists()]
    if not yes:
        print("Would delete:", *found, sep="\n  ")
        raise InvalidUsage("Nothing was deleted.", hint="Add --yes to delete.")
    for path in found:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    print(f"Deleted {len(found)} files and folders in {settings.home}.")
