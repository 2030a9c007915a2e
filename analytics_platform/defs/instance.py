"""Dagster's instance: the records that pages, daemon and commands share."""

import io
import os
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import dagster as dg

from analytics_platform.adapters.exclusive_lock import exclusive_lock

_WHOLE = "whole"  # a file that is there once the storage was made to its end


def open_instance() -> dg.DagsterInstance:
    """The instance of DAGSTER_HOME; use it in a `with` block.

    One process at a time makes its SQLite files in DAGSTER_STORAGE. Where that was
    killed, Dagster takes them as they are, stamped with an old version and without some
    indexes; they are completed here.
    """
    storage = Path(os.environ["DAGSTER_STORAGE"])
    with exclusive_lock(storage / "opening.lock"):
        instance = dg.DagsterInstance.get()
        if (storage / "history").exists() and not (storage / _WHOLE).exists():
            _complete(instance)
            (storage / _WHOLE).touch()
    return instance


def _complete(instance: dg.DagsterInstance) -> None:
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        instance.upgrade()
        instance.reindex()
