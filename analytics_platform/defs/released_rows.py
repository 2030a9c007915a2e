"""Tells Dagster of rows that a command let in, outside of any run."""

from typing import TYPE_CHECKING

import dagster as dg

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.contracts.domain import TableSpec
from analytics_platform.defs.check_evaluations import evaluations
from analytics_platform.defs.source_columns import raw_key

if TYPE_CHECKING:  # a code location loads this module and must not pay for adapters
    from analytics_platform.adapters.publication import LoadResult


def report_released(
    instance: dg.DagsterInstance,
    store: ControlStore,
    spec: TableSpec,
    result: "LoadResult",
    *,
    run_id: str,
) -> None:
    """Report what `analytics quarantine release` put into a raw table.

    One materialization per part that changed, so that automation builds what reads it,
    and the checks that were judged anew, as the verdicts of `run_id`.
    """
    key = raw_key(spec)
    judged = [
        verdict
        for verdict in store.verdicts.latest([key.to_user_string()])
        if verdict.run_id == run_id
    ]
    for part, rows in result.rows.items():
        instance.report_runless_asset_event(
            dg.AssetMaterialization(
                asset_key=key,
                partition=part,
                description="Rows released from quarantine.",
                metadata={"dagster/row_count": rows, "released_by": run_id},
            )
        )
    for evaluation in evaluations(judged):
        instance.report_runless_asset_event(evaluation)
