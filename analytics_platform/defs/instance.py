"""Dagster's instance: the records that pages, daemon and commands share."""

import io
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import dagster as dg

from analytics_platform.adapters.exclusive_lock import exclusive_lock

_WHOLE = "whole"  # a file that is there once the storage was made to its end


def open_instance() -> dg.DagsterInstance:
    """The instance of DAGSTER_HOME; use it in a `with` block.

    Where making its SQLite files was killed, Dagster takes them as they are, stamped
    with an old version and without some indexes; they are completed here.
    """
    instance = dg.DagsterInstance.get()
    storage = Path(instance.root_directory)
    if (storage / "history").exists() and not (storage / _WHOLE).exists():
        with exclusive_lock(storage / "completing.lock"):
            _complete(instance)
            (storage / _WHOLE).touch()
    return instance


def _complete(instance: dg.DagsterInstance) -> None:
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        instance.upgrade()
        instance.reindex()
