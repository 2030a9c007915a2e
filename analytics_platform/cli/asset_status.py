"""Reads the status of every asset from Dagster's records and the control store."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

import dagster as dg
from pydantic import BaseModel, ConfigDict
from rich.table import Table

from analytics_platform.contracts.records import Verdict
from analytics_platform.core import partitions
from analytics_platform.core.calendar import local_day
from analytics_platform.definitions import build_definitions
from analytics_platform.defs.dead_runs import mend_dead_runs
from analytics_platform.defs.graph import asset_graph
from analytics_platform.resources import open_resources
from analytics_platform.settings import Settings

CheckStatus = Literal["green", "warning", "red", "none"]
Freshness = Literal["fresh", "stale", "never", "none"]
_COLOURS = {"green": "green", "warning": "yellow", "red": "red", "stale": "red"}


class AssetStatus(BaseModel):
    """One line of `analytics status`; partitions are those that have begun."""

    model_config = ConfigDict(frozen=True)

    asset: str
    materialized_at: datetime | None
    run_id: str | None
    partitions: int | None
    partitions_begun: int | None
    checks: CheckStatus
    failed_checks: tuple[str, ...]
    freshness: Freshness


def asset_statuses(settings: Settings) -> list[AssetStatus]:
    """The status of every asset that the platform builds, by name."""
    resources = open_resources(settings)
    definitions = build_definitions(resources)
    domain = resources.domain
    today = local_day(resources.clock.now(), domain.timezone).isoformat()
    begun = [key for key in partitions.keys(domain.partitions) if key <= today]
    verdicts = resources.store.verdicts.latest()
    graph = asset_graph(definitions)
    with dg.DagsterInstance.get() as instance:
        mend_dead_runs(instance)
        return [
            _status(
                instance,
                graph.get(key),
                begun,
                [v for v in verdicts if v.asset == key.to_user_string()],
            )
            for key in sorted(graph.materializable_asset_keys)
        ]


def status_table(statuses: Sequence[AssetStatus]) -> Table:
    """The statuses as a person reads them."""
    table = Table()
    for column in ("asset", "built (UTC)", "partitions", "checks", "freshness"):
        table.add_column(column)
    for one in statuses:
        parts = "" if one.partitions is None else f"{one.partitions}"
        if one.partitions_begun is not None:
            parts += f" of {one.partitions_begun}"
        failed = f" ({len(one.failed_checks)})" if one.failed_checks else ""
        table.add_row(
            one.asset,
            f"{one.materialized_at:%Y-%m-%d %H:%M:%S}" if one.materialized_at else "",
            parts,
            _coloured(one.checks, failed),
            _coloured(one.freshness),
        )
    return table


def _status(
    instance: dg.DagsterInstance,
    node: "dg.AssetNode",
    begun: Sequence[str],
    verdicts: Sequence[Verdict],
) -> AssetStatus:
    event = instance.get_latest_materialization_event(node.key)
    built = datetime.fromtimestamp(event.timestamp, UTC) if event else None
    done = instance.get_materialized_partitions(node.key) if node.is_partitioned else ()
    failed = sorted({v.check for v in verdicts if not v.passed and not v.known_defect})
    return AssetStatus(
        asset=node.key.to_user_string(),
        materialized_at=built,
        run_id=event.run_id if event else None,
        partitions=len(done) if node.is_partitioned else None,
        partitions_begun=len(begun) if node.is_partitioned else None,
        checks=_check_status(verdicts),
        failed_checks=tuple(failed),
        freshness=_freshness(node, built),
    )


def _check_status(verdicts: Sequence[Verdict]) -> CheckStatus:
    if not verdicts:
        return "none"
    if any(verdict.is_red for verdict in verdicts):
        return "red"
    return "green" if all(verdict.passed for verdict in verdicts) else "warning"


def _freshness(node: "dg.AssetNode", built: datetime | None) -> Freshness:
    if built is None:
        return "never"
    policy = node.freshness_policy
    if not isinstance(policy, dg.TimeWindowFreshnessPolicy):
        return "none"
    age = datetime.now(UTC) - built
    return "stale" if age > policy.fail_window.to_timedelta() else "fresh"


def _coloured(word: str, more: str = "") -> str:
    colour = _COLOURS.get(word)
    return f"[{colour}]{word}{more}[/]" if colour else f"{word}{more}"
