"""Dagster's instance: the records that pages, daemon and commands share."""

import dagster as dg


def open_instance() -> dg.DagsterInstance:
    """The instance of DAGSTER_HOME; use it in a `with` block."""
    return dg.DagsterInstance.get()
