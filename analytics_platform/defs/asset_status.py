"""Reads the status of every asset from Dagster's records and the control store."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetNode
from dagster._core.definitions.freshness import TimeWindowFreshnessPolicy
from pydantic import BaseModel, ConfigDict

from analytics_platform.contracts.records import Verdict
from analytics_platform.core.calendar import begun_keys, local_day
from analytics_platform.defs.dead_runs import mend_dead_runs
from analytics_platform.defs.graph import asset_graph
from analytics_platform.resources import Resources

CheckStatus = Literal["green", "warning", "red", "none"]
Freshness = Literal["fresh", "stale", "never", "none"]


class AssetStatus(BaseModel):
    """One line of `analytics status`; a partition begins when its first day is over."""

    model_config = ConfigDict(frozen=True)

    asset: str
    materialized_at: datetime | None
    run_id: str | None
    partitions: int | None
    partitions_begun: int | None
    checks: CheckStatus
    failed_checks: tuple[str, ...]
    freshness: Freshness


def asset_statuses(
    definitions: dg.Definitions, resources: Resources
) -> list[AssetStatus]:
    """The status of every asset that the platform builds, by name."""
    domain = resources.domain
    today = local_day(resources.clock.now(), domain.timezone)
    begun = begun_keys(domain.partitions, today)
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


def _status(
    instance: dg.DagsterInstance,
    node: AssetNode,
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


def _freshness(node: AssetNode, built: datetime | None) -> Freshness:
    if built is None:
        return "never"
    policy = node.freshness_policy
    if not isinstance(policy, TimeWindowFreshnessPolicy):
        return "none"
    age = datetime.now(UTC) - built
    return "stale" if age > policy.fail_window.to_timedelta() else "fresh"
